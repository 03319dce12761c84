// Reloads, hanging tabs, networks that go away, clocks that jump.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, eventually, quiet, watch } from '../shared/testing.mjs'
import { generation, pass } from '../shared/tokens.mjs'
import { ALL, loaded, login, open, renew, tabs, twenty, view } from './pages.mjs'

const COOLDOWN = 20
const TOKEN = '**/auth/token'

describe('redux-query: what goes wrong on the way', () => {
  const app = application('redux-query', { development: true })

  async function account(count) {
    const jar = await app.signedIn()
    const pages = await tabs(jar, count)
    for (const page of pages) await view(page, 'Account')
    return { jar, pages, page: pages[0] }
  }

  it('F08 a page that is reloaded twenty times in the middle of a refresh stays signed in', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await loaded(page)
    pass(app, COOLDOWN)
    const before = await generation(jar)
    for (let times = 0; times < 20; times += 1) {
      const asking = page.waitForRequest(TOKEN)
      await page.goto('/', { waitUntil: 'commit' })
      await asking
    }
    await page.goto('/')
    await loaded(page)
    assert.equal(await generation(jar), before + 1)
  })

  it('F06 a tab that hangs in a refresh, or is closed in it, holds up no other tab', async () => {
    const { jar, pages } = await account(3)
    const hanging = []
    await jar.route(TOKEN, (route) => {
      if (route.request().frame().page() === pages[0]) hanging.push(route)
      else route.continue()
    })
    const asking = pages[0].waitForRequest(TOKEN)
    await pages[0].getByRole('button', { name: 'Renew now' }).click()
    await asking
    assert.equal(await renew(pages[1]), 'Renewal: 1 of 1 answered.')
    assert.equal(hanging.length, 1, 'the first tab is still waiting')
    await pages[0].close()
    assert.equal(await renew(pages[2]), 'Renewal: 1 of 1 answered.')
    await Promise.all(pages.slice(1).map(async (page) => assert.equal(await twenty(page), ALL)))
  })

  it('F21 a renewal that is under way when somebody signs out does not bring them back', async () => {
    const { jar, page } = await account(1)
    const late = []
    await jar.route(TOKEN, async (route) => late.push([route, await route.fetch()]))
    await page.getByRole('button', { name: 'Renew now' }).click()
    await eventually('the answer that is held', () => late.length === 1)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await login(page)
    const [[route, response]] = late
    await route.fulfill({ response })
    await jar.unroute(TOKEN)
    await quiet(jar)
    await page.goto('/')
    await login(page)
  })

  it('F05 a network that is gone ends what is asked for, and logs nobody out', async () => {
    const { jar, page } = await account(1)
    const seen = watch(jar)
    await jar.setOffline(true)
    assert.equal(await twenty(page), 'Twenty at once: 0 of 20 answered.')
    assert.equal(await renew(page), 'Renewal: 0 of 1 answered.')
    assert.deepEqual(seen.auth, [])
    await jar.setOffline(false)
    assert.equal(await renew(page), 'Renewal: 1 of 1 answered.')
    assert.equal(await twenty(page), ALL)
  })

  for (const hours of [2, -2]) {
    it(`F10 a clock that jumps by ${hours} hours costs one request at most`, async () => {
      const jar = await app.signedIn()
      await jar.addInitScript(() => {
        const RealDate = Date
        const now = () => RealDate.now() + (globalThis.jump ?? 0)
        globalThis.Date = class extends RealDate {
          constructor(...given) {
            super(...(given.length > 0 ? given : [now()]))
          }
          static now = now
        }
      })
      const [page] = await tabs(jar, 1)
      await view(page, 'Account')
      const seen = watch(jar)
      await page.evaluate((ms) => {
        globalThis.jump = ms
      }, hours * 3_600_000)
      for (let times = 0; times < 3; times += 1) assert.equal(await twenty(page), ALL)
      await quiet(jar)
      assert.ok(seen.auth.length <= 1, seen.auth.join(', '))
    })
  }
})
