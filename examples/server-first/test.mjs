// The journal in a real browser: the server has the last word, and is asked only when there is nothing to sync from.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, cookie, cost, expire, quiet, watch } from '../shared/testing.mjs'

const app = application('server-first')

const inside = (page) => page.getByText('Everything here is yours alone.')
const status = (page, text) => page.locator('#session').getByText(text, { exact: true }).waitFor()
const token = (page) => page.locator('#csrf').textContent()
const open = async (jar) => {
  const page = await jar.newPage()
  await page.goto('/')
  await inside(page).waitFor()
  return page
}

async function write(page, text) {
  await page.getByLabel('A new entry').fill(text)
  await page.getByRole('button', { name: 'Keep' }).click()
}

async function fillIn(page, { email, password }) {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** The person's anti-CSRF token, with a signature that is none. */
async function spoil(jar) {
  const [one] = (await jar.cookies()).filter(({ name }) => name === 'csrftoken')
  const wrong = one.value.replace(/\.[^.]+$/, '.AAAAAAAAAAAAAAAAAAAAAA')
  await jar.addCookies([{ ...one, value: wrong }])
  return { right: one.value, wrong }
}

describe('server-first: the token is synced before anything is asked', () => {
  it('a page load takes the token from the cookie and asks nothing', async () => {
    const jar = await app.signedIn()
    const seen = await cost(jar, async () => {
      const page = await open(jar)
      assert.equal(await token(page), await cookie(jar, 'csrftoken'))
    })
    assert.deepEqual(seen, [])
  })

  it('F38 a visitor is asked about for the first time when they log in, and not again afterwards', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    const loaded = await cost(jar, async () => {
      await page.goto('/')
      await status(page, 'UNAUTHENTICATED')
    })
    assert.deepEqual(loaded, [])
    assert.equal(await token(page), 'nothing yet')
    const login = await cost(jar, async () => {
      await fillIn(page, app.accounts[0])
      await inside(page).waitFor()
    })
    assert.deepEqual(login, ['POST session', 'POST login'])
    assert.equal(await token(page), await cookie(jar, 'csrftoken'))
  })

  it('a visitor who has a token of an earlier visit logs in with that one', async () => {
    const jar = await app.jar()
    await jar.request.get(`${app.url}/auth/session`)
    const page = await jar.newPage()
    await page.goto('/')
    await status(page, 'UNAUTHENTICATED')
    assert.match(await token(page), /^anon\./)
    const seen = await cost(jar, async () => {
      await fillIn(page, app.accounts[0])
      await inside(page).waitFor()
    })
    assert.deepEqual(seen, ['POST login'])
  })

  it('an answer that brings a csrf_token updates the store, whatever it was asked for', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const brought = (await token(page)).replace(/\.[^.]+$/, '.BBBBBBBBBBBBBBBBBBBBBB')
    await page.route('**/api/notes', (route) =>
      route.fulfill({
        headers: { 'set-cookie': `csrftoken=${brought}; Path=/; SameSite=Lax` },
        json: { success: true, data: { csrf_token: brought }, notes: [] },
      }),
    )
    const seen = await cost(jar, async () => {
      await write(page, 'Anything')
      await page.locator('#csrf').getByText(brought).waitFor()
    })
    assert.deepEqual(seen, [])
  })
})

describe('server-first: a wrong token', () => {
  it('F31 is mended by the refusal itself: one request more of the API, none about the session', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const { right } = await spoil(jar)
    const seen = watch(jar)
    await write(page, 'Written twice, kept once')
    await page.getByText('Written twice, kept once').waitFor()
    await quiet(jar)
    assert.deepEqual(seen.api, ['POST /api/notes', 'POST /api/notes', 'GET /api/notes'])
    assert.deepEqual(seen.auth, [])
    assert.equal(await page.getByText('Written twice, kept once').count(), 1)
    assert.equal(await token(page), right)
  })

  it('F31 that another tab has mended meanwhile is synced from the cookie', async () => {
    const jar = await app.signedIn()
    const [page, other] = [await open(jar), await open(jar)]
    await spoil(jar)
    await write(other, 'From the other tab')
    await other.getByText('From the other tab').waitFor()
    const seen = watch(jar)
    await write(page, 'From this tab')
    await page.getByText('From this tab').waitFor()
    await quiet(jar)
    assert.deepEqual(seen.api, ['POST /api/notes', 'GET /api/notes'])
    assert.deepEqual(seen.auth, [])
  })

  it('F31 that a retry does not mend leads to one new session answer, then to a last try, and never to the login', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const seen = []
    await page.route('**/api/notes', (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      seen.push('POST notes')
      return route.fulfill({
        status: 403,
        contentType: 'application/problem+json',
        body: JSON.stringify({
          type: 'urn:perennial:problem:csrf_failed',
          status: 403,
          code: 'csrf_failed',
          detail: 'The anti-CSRF check failed.',
        }),
      })
    })
    await page.route('**/auth/session', (route) => {
      seen.push('POST session')
      return route.continue()
    })
    await write(page, 'Never kept')
    await page.getByRole('alert').filter({ hasText: 'anti-CSRF' }).waitFor()
    await quiet(jar)
    assert.deepEqual(seen, ['POST notes', 'POST notes', 'POST session', 'POST notes'])
    await status(page, 'AUTHENTICATED')
  })
})

describe('server-first: looking at the page again', () => {
  it('syncs a token that is new, and asks nothing', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const { wrong } = await spoil(jar)
    const seen = await cost(jar, () =>
      page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))),
    )
    assert.equal(await token(page), wrong)
    assert.deepEqual(seen, [])
  })

  it('F18 shows whoever is logged in by now, with their entries alone', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await write(page, 'Of the first person')
    await page.getByText('Of the first person').waitFor()
    const key = await app.giveSession(jar, app.accounts[1].email)
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
    await page.getByText('Of the first person').waitFor({ state: 'detached' })
    await inside(page).waitFor()
    assert.ok((await token(page)).startsWith(`${key}.`))
  })

  it('F34 finds that somebody signed out in another tab, and shows nothing of them', async () => {
    const jar = await app.signedIn()
    const [page, other] = [await open(jar), await open(jar)]
    const seen = await cost(jar, async () => {
      await other.getByRole('button', { name: 'Sign out' }).click()
      await status(page, 'UNAUTHENTICATED')
    })
    assert.deepEqual(seen, ['POST logout'])
    assert.equal(await inside(page).count(), 0)
  })
})

describe('server-first: expiry', () => {
  it('a page load with an expired access token costs one, a write with one none', async () => {
    const jar = await app.signedIn()
    await expire(jar)
    let page
    const loaded = await cost(jar, async () => {
      page = await open(jar)
    })
    assert.deepEqual(loaded, ['POST session'])
    await expire(jar)
    const written = await cost(jar, async () => {
      await write(page, 'With a dead token')
      await page.getByText('With a dead token').waitFor()
    })
    assert.deepEqual(written, [])
  })
})
