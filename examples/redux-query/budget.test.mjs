// How many requests about the session bearer transport costs: one test for each row of the budget.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, cost, eventually, expire, quiet, watch } from '../shared/testing.mjs'
import { bearers, outlived } from '../shared/tokens.mjs'
import { ALL, loaded, login, open, signIn, tabs, twenty, view } from './pages.mjs'

const TOKEN = '**/auth/token'

describe('redux-query: the request budget of bearer transport', () => {
  const app = application('redux-query', { development: true })

  it('an anonymous load: none', async () => {
    const jar = await app.jar()
    assert.deepEqual(await cost(jar, async () => login(await open(jar))), [])
  })

  it('a load with a good access token: one in the first tab, none while another tab is open', async () => {
    const jar = await app.signedIn()
    assert.deepEqual(await cost(jar, async () => loaded(await open(jar))), ['POST token'])
    assert.deepEqual(await cost(jar, async () => loaded(await open(jar))), [])
  })

  it('a load with an expired access token: one', async () => {
    const jar = await app.signedIn()
    await expire(jar)
    assert.deepEqual(await cost(jar, async () => loaded(await open(jar))), ['POST session'])
  })

  it('a change of the page within the app: none', async () => {
    const jar = await app.signedIn()
    const [page] = await tabs(jar, 1)
    const auth = await cost(jar, async () => {
      for (const name of ['Account', 'Notes', 'Account']) await view(page, name)
      await page.getByText('Second factor').waitFor()
    })
    assert.deepEqual(auth, [])
  })

  it('focus: none', async () => {
    const jar = await app.signedIn()
    const pages = await tabs(jar, 3)
    const auth = await cost(jar, async () => {
      for (const page of [...pages, ...pages]) {
        await page.bringToFront()
        await page.evaluate(() => {
          window.dispatchEvent(new Event('focus'))
          document.dispatchEvent(new Event('visibilitychange'))
        })
      }
    })
    assert.deepEqual(auth, [])
  })

  it('a return from the back/forward cache: none', async () => {
    const jar = await app.signedIn()
    const [page] = await tabs(jar, 1)
    await page.evaluate(() => {
      window.kept = true
    })
    const auth = await cost(jar, async () => {
      await page.goto('/icon.svg')
      await page.goBack({ waitUntil: 'commit' })
      assert.equal(await page.evaluate(() => window.kept), true, 'the page came back as it was')
      await view(page, 'Account')
      await page.getByText('Second factor').waitFor()
    })
    assert.deepEqual(auth, [])
  })

  it('five tabs opened one by one: one', async () => {
    const jar = await app.signedIn()
    assert.deepEqual(await cost(jar, () => tabs(jar, 5)), ['POST token'])
  })

  it('a login and a step of it: one each, and none in other tabs', async () => {
    const jar = await app.jar()
    const pages = [await open(jar), await open(jar)]
    const auth = await cost(jar, async () => {
      await signIn(pages[0], app.accounts[1])
      await Promise.all(pages.map(loaded))
    })
    assert.deepEqual(auth, ['POST login', 'POST mfa/verify'])
  })

  it('a logout with five tabs: one', async () => {
    const jar = await app.signedIn()
    const pages = await tabs(jar, 5)
    const auth = await cost(jar, async () => {
      await pages[2].getByRole('button', { name: 'Sign out' }).click()
      await Promise.all(pages.map(login))
    })
    assert.deepEqual(auth, ['POST logout'])
  })

  it('an idle hour: none', async () => {
    const jar = await app.signedIn()
    await jar.clock.install()
    const [page] = await tabs(jar, 1)
    assert.deepEqual(await cost(jar, () => page.clock.fastForward('01:00:00')), [])
  })

  it('the person and what unsafe requests need: none beyond the load', async () => {
    const jar = await app.signedIn()
    const auth = await cost(jar, async () => {
      const page = await open(jar)
      await page.getByText(app.accounts[0].email).waitFor()
      await page.getByLabel('A new note').fill('No further question')
      await page.getByRole('button', { name: 'Keep' }).click()
      await page.getByText('No further question').waitFor()
    })
    assert.deepEqual(auth, ['POST token'])
  })
})

describe('redux-query: the request budget of bearer transport, when access tokens die', () => {
  const app = application('redux-query', {
    development: true,
    settings: { TOKENS__ACCESS_TTL: '8s', TOKENS__JITTER: '0' },
  })

  /** Tabs on the account page, with access tokens that have died since. */
  async function asleep(count) {
    const jar = await app.signedIn()
    const tokens = bearers(jar)
    const pages = await tabs(jar, count)
    for (const page of pages) await view(page, 'Account')
    await outlived(app, ...tokens)
    return { jar, pages, page: pages[0], seen: watch(jar) }
  }

  it('twenty calls at once, expiry known: one, and the twenty', async () => {
    const { jar, page, seen } = await asleep(1)
    assert.equal(await twenty(page), ALL)
    await quiet(jar)
    assert.deepEqual([seen.auth, seen.api.length], [['POST token'], 20])
  })

  it('twenty calls at once, the token refused early: one, and each of the twenty twice', async () => {
    const jar = await app.signedIn()
    const sent = bearers(jar)
    const [page] = await tabs(jar, 1)
    await view(page, 'Account')
    // An API that has heard bad things of this token.
    const refused = sent.at(-1)
    await jar.route('**/api/me', (route, request) =>
      request.headers().authorization === `Bearer ${refused}`
        ? route.fulfill({ status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, body: '' })
        : route.continue(),
    )
    const seen = watch(jar)
    assert.equal(await twenty(page), ALL)
    await quiet(jar)
    assert.deepEqual([seen.auth, seen.api.length], [['POST token'], 40])
  })

  it('five tabs at expiry: one', async () => {
    const { jar, pages, seen } = await asleep(5)
    const ends = await Promise.all(pages.map(twenty))
    assert.deepEqual([...new Set(ends)], [ALL])
    await quiet(jar)
    assert.deepEqual(seen.auth, ['POST token'])
  })

  it('F03 an outage: one for each tab, however much it asks, and the next when it is over', async () => {
    const { jar, pages, seen } = await asleep(2)
    await jar.route(TOKEN, (route) => route.fulfill({ status: 503, headers: { 'retry-after': '2' }, body: '' }))
    const ends = await Promise.all(pages.map(twenty))
    assert.deepEqual([...new Set(ends)], ['Twenty at once: 0 of 20 answered.'])
    assert.ok(seen.auth.length <= pages.length, seen.auth.join(', '))
    assert.deepEqual(seen.api, [], 'nothing is sent with a token that is dead')
    await jar.unroute(TOKEN)
    seen.clear()
    await eventually('the end of the outage', async () => (await twenty(pages[0])) === ALL)
    assert.deepEqual(seen.auth, ['POST token'])
  })
})
