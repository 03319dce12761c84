// The vault in a real browser: every promise of its README, and the failures that it has to withstand.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, cost, eventually, expire, quiet, totp, watch } from '../shared/testing.mjs'

/** Without the question of a browser that has no anti-CSRF token yet. */
const onlyCall = (seen) => seen.filter((call) => call !== 'POST session')

async function fillIn(page, { email, password }) {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function enterCode(page, code, action = 'Continue') {
  await page.getByLabel('Six-digit code').fill(code)
  await page.getByRole('button', { name: action }).click()
}

const notes = (page) => page.getByText('Everything here is yours alone.')
const heading = (page, name) => page.getByRole('heading', { name }).waitFor()
const login = (page) => page.getByRole('heading', { name: 'Sign in' })
const open = async (jar, path = '/vault') => {
  const page = await jar.newPage()
  await page.goto(path)
  await notes(page).waitFor()
  return page
}

describe('vault: logging in', () => {
  const app = application('vault')

  it('the first login sets up a second factor, and a reload in the middle of it stays there', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/vault')
    await page.waitForURL('**/login?next=%2Fvault')
    const seen = await cost(jar, async () => {
      await fillIn(page, app.account('Vera'))
      await heading(page, 'Protect your vault')
    })
    assert.deepEqual(onlyCall(seen), ['POST login', 'POST mfa/setup'])
    assert.match(page.url(), /\/mfa\/setup\?next=%2Fvault$/)

    const again = await cost(jar, async () => {
      await page.reload()
      await heading(page, 'Protect your vault')
    })
    assert.deepEqual(again, ['POST mfa/setup'])
    await page.getByText('Type a key instead').click()
    const secret = await page.locator('.secret').textContent()
    const confirmed = await cost(jar, async () => {
      await enterCode(page, totp(secret), 'Turn on')
      await heading(page, 'Keep these codes')
    })
    assert.deepEqual(confirmed, ['POST mfa/setup/confirm'])

    assert.equal(await page.locator('.codes code').count(), 10)
    const entered = await cost(jar, async () => {
      await page.getByRole('link', { name: 'I have kept them' }).click()
      await heading(page, 'Vera’s vault')
    })
    assert.deepEqual(entered, [])
  })

  it('a login that waits for its code stays there through reloads and other addresses, and ends where it began', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    const account = app.accounts.find((one) => one.totp_secret)
    await page.goto('/devices')
    await fillIn(page, account)
    await heading(page, 'Enter your code')
    const waited = await cost(jar, async () => {
      await page.reload()
      await heading(page, 'Enter your code')
      for (const path of ['/vault', '/login', '/mfa/setup', '/devices']) {
        await page.goto(path)
        await heading(page, 'Enter your code')
      }
    })
    assert.deepEqual(waited, [])
    await enterCode(page, '000000')
    await page.getByRole('alert').waitFor()
    const verified = await cost(jar, async () => {
      await enterCode(page, totp(account.totp_secret))
      await page.getByText('This one').waitFor()
    })
    assert.deepEqual(verified, ['POST mfa/verify', 'GET sessions'])
  })

  it('F14 a refused login says why, asks once, and never refreshes', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/login')
    const seen = await cost(jar, async () => {
      await fillIn(page, { ...app.accounts[0], password: 'not this one' })
      await page.getByRole('alert').waitFor()
    })
    assert.deepEqual(onlyCall(seen), ['POST login'])
    assert.match(page.url(), /\/login$/)
  })

  it('who started over is asked for everything again', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/login')
    await fillIn(
      page,
      app.accounts.find((one) => one.totp_secret),
    )
    await page.getByRole('button', { name: 'Start again' }).click()
    await login(page).waitFor()
    await page.goto('/mfa/verify')
    await login(page).waitFor()
  })
})

describe('vault: how many requests', () => {
  const app = application('vault')

  it('F38 a visitor costs none, and is led to the login', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    const seen = await cost(jar, async () => {
      await page.goto('/vault')
      await login(page).waitFor()
    })
    assert.deepEqual(seen, [])
  })

  it('a page load with a good access token costs none', async () => {
    const jar = await app.signedIn()
    assert.deepEqual(await cost(jar, () => open(jar)), [])
  })

  it('F33 what scripts stored may be gone: a page load costs one, and everything is back', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await page.evaluate(() => {
      localStorage.clear()
      sessionStorage.clear()
    })
    await expire(jar)
    assert.deepEqual(await cost(jar, () => page.reload().then(() => notes(page).waitFor())), ['POST session'])
  })

  it('a page load with an expired access token costs one', async () => {
    const jar = await app.signedIn()
    await expire(jar)
    assert.deepEqual(await cost(jar, () => open(jar)), ['POST session'])
  })

  it('route changes cost none, whatever guard they pass', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const walk = async () => {
      await page.getByRole('link', { name: 'Devices' }).click()
      await page.getByText('This one').waitFor()
      await page.getByRole('link', { name: 'Notes' }).click()
      await notes(page).waitFor()
      await page.goBack()
      await page.getByText('This one').waitFor()
      await page.goForward()
      await notes(page).waitFor()
    }
    // What the page of devices shows, and nothing else.
    assert.deepEqual(await cost(jar, walk), ['GET sessions', 'GET sessions'])
  })

  it('with an expired access token, what the service itself is asked for costs one renewal', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await expire(jar)
    const seen = await cost(jar, async () => {
      await page.getByRole('link', { name: 'Devices' }).click()
      await page.getByText('This one').waitFor()
    })
    assert.deepEqual(seen, ['POST token', 'GET sessions'])
  })

  it('requests with an expired access token cost none: they are renewed on their way', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await expire(jar)
    const seen = await cost(jar, async () => {
      await page.getByLabel('A new note').fill('Written with a dead token')
      await page.getByRole('button', { name: 'Keep' }).click()
      await page.getByText('Written with a dead token').waitFor()
    })
    assert.deepEqual(seen, [])
  })

  it('F38 looking at another tab and back costs none', async () => {
    const jar = await app.signedIn()
    const [first, second] = [await open(jar), await open(jar)]
    const seen = await cost(jar, async () => {
      for (const page of [first, second, first, second]) {
        await page.bringToFront()
        await page.evaluate(() => {
          window.dispatchEvent(new Event('focus'))
          document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
        })
      }
    })
    assert.deepEqual(seen, [])
  })

  it('five tabs cost none to open, and one for all when they are loaded with an expired access token', async () => {
    const jar = await app.signedIn()
    const tabs = []
    const opened = await cost(jar, async () => {
      tabs.push(...(await Promise.all(Array.from({ length: 5 }, () => open(jar)))))
    })
    assert.deepEqual(opened, [])
    await expire(jar)
    const loaded = await cost(jar, async () => {
      await Promise.all(tabs.map((page) => page.reload()))
      await Promise.all(tabs.map((page) => notes(page).waitFor()))
    })
    assert.deepEqual(loaded, ['POST session'])
  })
})

describe('vault: what it withstands', () => {
  const app = application('vault')

  it('F34 signing out in one of five tabs reaches all of them, for one request', async () => {
    const jar = await app.signedIn()
    const tabs = []
    for (let tab = 0; tab < 5; tab += 1) tabs.push(await open(jar))
    const seen = await cost(jar, async () => {
      await tabs[2].getByRole('button', { name: 'Sign out' }).click()
      await Promise.all(tabs.map((page) => login(page).waitFor()))
    })
    assert.deepEqual(seen, ['POST logout'])
    for (const page of tabs) assert.equal(await notes(page).count(), 0)
  })

  it('F22 Back to a page that the browser kept costs nothing while the session lives', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await page.evaluate(() =>
      window.addEventListener('pageshow', ({ persisted }) => {
        window.restored = persisted
      }),
    )
    await page.goto('/dev/mailbox')
    const seen = await cost(jar, async () => {
      await page.goBack({ waitUntil: 'commit' })
      await notes(page).waitFor()
    })
    assert.deepEqual(seen, [])
    assert.equal(await page.evaluate(() => window.restored), true)
  })

  it('F22 Back after signing out elsewhere shows nothing of the person', async () => {
    const jar = await app.signedIn()
    const [page, other] = [await open(jar), await open(jar)]
    await page.goto('/dev/mailbox')
    await other.getByRole('button', { name: 'Sign out' }).click()
    await login(other).waitFor()
    await page.goBack({ waitUntil: 'commit' })
    await login(page).waitFor()
    assert.equal(await notes(page).count(), 0)
    await page.reload()
    await login(page).waitFor()
  })

  it('F18 a tab in which another person logged in shows that person, and nothing of the former', async () => {
    const jar = await app.signedIn(app.accounts[0].email)
    const page = await open(jar)
    await page.getByLabel('A new note').fill('Of the first person')
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByText('Of the first person').waitFor()
    await app.giveSession(jar, app.accounts[1].email)
    await page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await page.getByText('Of the first person').waitFor({ state: 'detached' })
    await notes(page).waitFor()
    await page.getByLabel('A new note').fill('Of the second person')
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByText('Of the second person').waitFor()
    assert.equal(await page.getByText('Of the first person').count(), 0)
  })

  it('F26 a session that ended elsewhere is over at the next request, says why, and asks nothing more', async () => {
    const jar = await app.jar()
    const key = await app.giveSession(jar)
    const page = await open(jar)
    app.run('session', 'revoke', '--', key)
    const seen = watch(jar)
    // An access token that was judged a moment ago may pass for up to two seconds more.
    await eventually('the login page', async () => {
      await page
        .getByLabel('A new note')
        .fill('After the end', { timeout: 200 })
        .catch(() => {})
      await page
        .getByRole('button', { name: 'Keep' })
        .click({ timeout: 200 })
        .catch(() => {})
      return login(page).isVisible()
    })
    await page.getByRole('status').filter({ hasText: 'signed out from another one' }).waitFor()
    await quiet(jar)
    assert.deepEqual(seen.auth, [])
    seen.clear()
    await page.reload()
    await login(page).waitFor()
    await quiet(jar)
    assert.deepEqual(seen, { ...seen, auth: [], api: [] })
  })

  it('F14 a 401 of the API itself is shown, and is no reason to refresh or to sign out', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await page.route('**/api/notes', (route) => route.fulfill({ status: 401, json: { detail: 'Your plan ended.' } }))
    const seen = await cost(jar, async () => {
      await page.getByLabel('A new note').fill('Not this one')
      await page.getByRole('button', { name: 'Keep' }).click()
      await page.getByRole('alert').filter({ hasText: 'Your plan ended.' }).waitFor()
    })
    assert.deepEqual(seen, [])
    await notes(page).waitFor()
  })

  it('F03 while the service is out of order nobody is signed out, and the page comes by itself afterwards', async () => {
    const jar = await app.signedIn()
    await expire(jar)
    const page = await jar.newPage()
    let asked = 0
    await page.route(/\/auth\/session/, (route) => {
      asked += 1
      return route.fulfill({
        status: 503,
        json: { type: 'urn:perennial:problem:auth_unavailable', code: 'auth_unavailable' },
      })
    })
    await page.goto('/vault')
    await eventually('a second try', () => asked > 1)
    assert.equal(await login(page).count(), 0)
    await page.unroute(/\/auth\/session/)
    await notes(page).waitFor({ timeout: 20_000 })
  })
})

describe('vault: in development, where React mounts everything twice', () => {
  const app = application('vault', { development: true })

  it('F37 a login, its second factor and a page load cost what they cost without', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/login')
    const started = await cost(jar, async () => {
      await fillIn(page, app.account('Vera'))
      await heading(page, 'Protect your vault')
    })
    assert.deepEqual(onlyCall(started), ['POST login', 'POST mfa/setup'])
    await page.getByText('Type a key instead').click()
    await enterCode(page, totp(await page.locator('.secret').textContent()), 'Turn on')
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await notes(page).waitFor()
    await expire(jar)
    const loaded = await cost(jar, async () => {
      await page.reload()
      await notes(page).waitFor()
    })
    assert.deepEqual(loaded, ['POST session'])
  })
})
