// An app of React and axios whose access tokens die while it works.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, eventually, quiet, watch } from '../shared/testing.mjs'
import { bearers, outlived, refreshes, sessionsOf } from '../shared/tokens.mjs'

const REFRESH = 'POST token/refresh'
const TOKEN_URL = '**/api/accounts/auth/token/refresh/'

const app = application('axios-bearer', { settings: { TOKENS__ACCESS_TTL: '5s', TOKENS__JITTER: '0' } })

async function open(jar, path = '/') {
  const page = await jar.newPage()
  await page.goto(path)
  return page
}

async function signIn(page, { email, password } = app.accounts[0]) {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

const inside = (page) => page.getByRole('heading', { name: 'Your notes' }).waitFor()
const outside = (page) => page.waitForURL(/\/login/)

/** Presses one of the buttons; answers what the page says once all calls have ended. */
async function attempt(page, name) {
  await page.getByRole('button', { name }).click()
  const ended = page.getByRole('status').filter({ hasText: `${name}: ` })
  await ended.waitFor({ timeout: 30_000 })
  return ended.textContent()
}

/** Tabs of one person that have loaded their notes, and whose access tokens have died since. */
async function asleep({ tabs = 1, email = app.accounts[0].email, prepare = async (_jar) => {} } = {}) {
  const jar = await app.signedIn(email)
  await prepare(jar)
  const tokens = bearers(jar)
  const pages = await Promise.all(Array.from({ length: tabs }, () => open(jar)))
  await Promise.all(pages.map((page) => page.getByText('Everything here').waitFor()))
  await outlived(app, ...tokens)
  return { jar, pages, page: pages[0], seen: watch(jar) }
}

const endEverySession = (email) => {
  for (const { session_key: key } of sessionsOf(app, email)) app.run('session', 'revoke', '--', key)
}

describe('axios-bearer: an access token that died', () => {
  it('costs twenty calls one refresh, and each of them goes out with the new token', async () => {
    const { jar, page, seen } = await asleep()
    const sent = bearers(jar)
    const told = []
    jar.on('response', (response) => told.push(response.status()))
    assert.equal(await attempt(page, 'Twenty at once'), 'Twenty at once: 20 of 20 answered.')
    await quiet(jar)
    assert.deepEqual(seen.auth, [REFRESH])
    const refused = told.filter((status) => status === 401).length
    assert.equal(seen.api.length, 20 + refused, 'whatever was refused went once more')
    assert.equal(told.filter((status) => status === 200).length, 21)
    assert.ok(sent.length <= 2, 'the token that died, and the new one')
  })

  it('costs five tabs one refresh', async () => {
    const { jar, pages, seen } = await asleep({ tabs: 5 })
    const ends = await Promise.all(pages.map((page) => attempt(page, 'Twenty at once')))
    assert.deepEqual([...new Set(ends)], ['Twenty at once: 20 of 20 answered.'])
    await quiet(jar)
    assert.deepEqual(seen.auth, [REFRESH])
  })

  it('F16 loses no note and writes none twice', async () => {
    const { jar, page, seen } = await asleep()
    await page.getByLabel('A new note').fill('Written with a dead token')
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByText('Written with a dead token').waitFor()
    await quiet(jar)
    assert.deepEqual(seen.auth, [REFRESH])
    assert.equal(await page.getByText('Written with a dead token').count(), 1)
  })

  for (const hours of [-2, 2, 24 * 400]) {
    it(`F10 costs the same when the clock of the browser is ${hours} hours off`, async () => {
      const shift = `{ const real = Date; const off = ${hours * 3_600_000}
        globalThis.Date = class extends real {
          constructor(...given) { given.length ? super(...given) : super(real.now() + off) }
          static now() { return real.now() + off }
        } }`
      const { jar, page, seen } = await asleep({ prepare: (jar) => jar.addInitScript(shift) })
      assert.match(await page.evaluate(() => String(new Date().getFullYear())), hours > 24 ? /2027|2028/ : /./)
      assert.equal(await attempt(page, 'Twenty at once'), 'Twenty at once: 20 of 20 answered.')
      await quiet(jar)
      assert.deepEqual(seen.auth, [REFRESH])
    })
  }
})

describe('axios-bearer: a refusal that is not about the token', () => {
  it('F14 a failed login never refreshes, and neither does a failed registration', async () => {
    const jar = await app.jar()
    const page = await open(jar)
    await outside(page)
    const seen = watch(jar)
    await signIn(page, { ...app.accounts[0], password: 'not the right one' })
    await page.getByRole('alert').waitFor()
    assert.deepEqual(seen.auth, ['POST login'])

    await page.getByRole('link', { name: 'Make an account' }).click()
    await page.getByLabel('E-mail address').fill('ada@example.com')
    await page.getByLabel('Password').fill('short')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('alert').waitFor()
    await quiet(jar)
    assert.deepEqual(seen.auth, ['POST login', 'POST register'])
  })

  it('F14 a 401 of a partner costs one refresh at most, and is shown as it came', async () => {
    const { jar, page, seen } = await asleep()
    for (let times = 0; times < 5; times += 1) {
      assert.match(
        await attempt(page, 'A partner’s own 401'),
        /0 of 1 answered\. “Your account at our partner is closed\.”/,
      )
    }
    await quiet(jar)
    // One for the token that had died; one for finding out that a new one changes nothing.
    assert.ok(seen.auth.length <= 2, seen.auth.join(', '))
    assert.ok(seen.api.length <= 7, `${seen.api.length} calls`)
    await inside(page)
  })

  it('F14 an API that finds no token good costs each call one retry at most, and no refresh loop', async () => {
    const { jar, page, seen } = await asleep()
    for (let times = 0; times < 3; times += 1) {
      assert.match(await attempt(page, 'A confused API'), /0 of 5 answered/)
    }
    await quiet(jar)
    assert.ok(seen.auth.length <= 2, seen.auth.join(', '))
    assert.ok(seen.api.length <= 15 + 10, `${seen.api.length} calls`)
    assert.equal(await attempt(page, 'Twenty at once'), 'Twenty at once: 20 of 20 answered.')
  })
})

describe('axios-bearer: a refresh that fails', () => {
  it('F15 a session that was ended elsewhere ends every waiting call and leads to the login, without a loop', async () => {
    const email = app.accounts[1].email
    const { jar, page, seen } = await asleep({ email })
    endEverySession(email)
    const before = await refreshes(app)
    await page.getByRole('button', { name: 'Twenty at once' }).click()
    await outside(page)
    await page.getByText('signed out from another one').waitFor()
    await quiet(jar)
    assert.ok(seen.auth.length <= 1, seen.auth.join(', '))
    assert.ok(seen.api.length <= 20, 'nothing was sent again')
    assert.equal(((await refreshes(app)).ended ?? 0) - (before.ended ?? 0), seen.auth.length)

    seen.clear()
    await page.reload()
    await outside(page)
    await quiet(jar)
    assert.deepEqual(seen.auth, [], 'nobody is asked about a session that is over')
  })

  it('F03 F15 a service that is down ends every waiting call, keeps the page, and goes on when it is back', async () => {
    const { jar, page, seen } = await asleep()
    await jar.route(TOKEN_URL, (route) =>
      route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }),
    )
    assert.match(await attempt(page, 'Twenty at once'), /^Twenty at once: 0 of 20 answered\./)
    await inside(page)
    assert.deepEqual(seen.auth, [REFRESH], 'one question for all of them')
    await jar.unroute(TOKEN_URL)
    await eventually('an answer', async () => (await attempt(page, 'Twenty at once')).includes('20 of 20'))
    await inside(page)
  })

  it('F34 signing out leads every tab to the login', async () => {
    const jar = await app.signedIn()
    const pages = await Promise.all(Array.from({ length: 5 }, () => open(jar)))
    await Promise.all(pages.map(inside))
    await quiet(jar)
    const seen = watch(jar)
    await pages[0].getByRole('button', { name: 'Sign out' }).click()
    await Promise.all(pages.map(outside))
    await quiet(jar)
    assert.deepEqual(seen.auth, ['POST logout'])
  })
})

describe('axios-bearer: ways in', () => {
  it('somebody registers, finds the code in their mail, and is in', async () => {
    const jar = await app.jar()
    const page = await open(jar, '/register')
    await page.getByLabel('E-mail address').fill('grace@example.com')
    await page.getByLabel('Password').fill('four amber kettles sing')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL('**/verify')
    const { code } = await app.mail('grace@example.com')
    await page.reload()
    await page.getByLabel('Six-digit code').fill(code)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await inside(page)
    await page.getByText('Everything here').waitFor()
  })

  it('a login is one request about the session, and leads back to where it began', async () => {
    const jar = await app.jar()
    const page = await open(jar)
    await outside(page)
    const seen = watch(jar)
    await signIn(page)
    await inside(page)
    await page.getByText('Everything here').waitFor()
    await quiet(jar)
    assert.deepEqual(seen.auth, ['POST login'])
  })
})

const GONE = {
  'navigator.locks': 'delete Navigator.prototype.locks',
  BroadcastChannel: 'delete globalThis.BroadcastChannel',
  storage: `for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(globalThis, name, { get() { throw new DOMException('no storage', 'SecurityError') } })`,
  'writing cookies': `Object.defineProperty(Document.prototype, 'cookie', { get: Object.getOwnPropertyDescriptor(Document.prototype, 'cookie').get, set() {} })`,
  'reading cookies': `Object.defineProperty(Document.prototype, 'cookie', { get() { throw new DOMException('no cookies', 'SecurityError') }, set() {} })`,
}

describe('axios-bearer: a browser that lacks something', () => {
  for (const [what, script] of Object.entries(GONE)) {
    it(`F37 without ${what}, three tabs survive expiry and sign out together`, async () => {
      const { jar, pages } = await asleep({ tabs: 3, prepare: (jar) => jar.addInitScript(script) })
      const ends = await Promise.all(pages.map((page) => attempt(page, 'Twenty at once')))
      assert.deepEqual([...new Set(ends)], ['Twenty at once: 20 of 20 answered.'])
      await pages[0].getByRole('button', { name: 'Sign out' }).click()
      await outside(pages[0])
      for (const page of pages.slice(1)) {
        // A tab that could not be told finds out when it is used.
        await page.bringToFront()
        await eventually('the login', async () => {
          if (page.url().includes('/login')) return true
          await page
            .getByRole('button', { name: 'Twenty at once' })
            .click({ timeout: 500 })
            .catch(() => {})
        })
      }
      await quiet(jar)
    })
  }
})
