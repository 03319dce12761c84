// Clients that know nothing of us, against tokens that die while they work.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, watch } from '../shared/testing.mjs'
import { bearers, generation, outlived, pass, refreshes, sessionsOf } from '../shared/tokens.mjs'

const CLIENTS = ['axios-auth-refresh', 'axios-interceptors', 'fetch-wrapper']
const COOLDOWN = 20
const REFRESH = '**/api/auth/refresh'

const app = application('legacy', { settings: { TOKENS__ACCESS_TTL: '5s', TOKENS__JITTER: '0' } })

async function open(jar) {
  const page = await jar.newPage()
  await page.goto('/')
  await page.locator('#fetch-wrapper').waitFor()
  return page
}

/** Presses a button of a client's panel; answers what the panel says once all calls have ended. */
async function run(page, client, calls) {
  const panel = page.locator(`#${client}`)
  // There is one mouse on a page, and several panels are used at once.
  await panel.locator(`[data-calls=${calls}]`).dispatchEvent('click')
  const ended = panel.getByRole('status').filter({ hasText: 'answered' })
  await ended.waitFor({ timeout: 30_000 })
  return ended.textContent()
}

/** A jar whose tabs have tokens that are dead, and a refresh token that the next refresh replaces. */
async function asleep(tabs) {
  const jar = await app.signedIn()
  const tokens = bearers(jar)
  const pages = await Promise.all(Array.from({ length: tabs }, () => open(jar)))
  await Promise.all(pages.flatMap((page) => CLIENTS.map((client) => run(page, client, 'one'))))
  await outlived(app, ...tokens)
  pass(app, COOLDOWN)
  return { jar, pages, generation: await generation(jar), outcomes: await refreshes(app) }
}

/** The refresh token was replaced once, whoever asked for it and how often; nobody was called a thief, nobody was logged out. */
async function unharmed({ jar, generation: before, outcomes }) {
  assert.equal(await generation(jar), before + 1)
  const { rotated = 0, cooldown, replayed, ...refusals } = await refreshes(app)
  assert.equal(rotated, (outcomes.rotated ?? 0) + 1)
  for (const [refusal, count] of Object.entries(refusals)) assert.equal(count, outcomes[refusal], refusal)
}

describe('legacy', () => {
  it('logs in as such clients do, and stays in over a reload', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/')
    await page.getByLabel('E-mail address').fill(app.accounts[0].email)
    await page.getByLabel('Password').fill(app.accounts[0].password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('#fetch-wrapper').waitFor()
    await page.reload()
    for (const client of CLIENTS) assert.equal(await run(page, client, 'write'), '1 of 1 answered.')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Password').waitFor()
  })

  for (const client of CLIENTS) {
    it(`F14 ${client}: twenty calls with a dead token are all answered, over one rotation`, async () => {
      const night = await asleep(1)
      const seen = watch(night.jar)
      assert.equal(await run(night.pages[0], client, 'many'), '20 of 20 answered.')
      assert.ok(seen.auth.length >= 1 && seen.auth.length <= 20, `${seen.auth.length} refreshes`)
      await unharmed(night)
    })

    it(`F15 ${client}: when the session was ended elsewhere every call is refused, and none is sent again`, async () => {
      const email = app.accounts[1].email
      const jar = await app.signedIn(email)
      const tokens = bearers(jar)
      const page = await open(jar)
      await run(page, client, 'one')
      for (const { session_key: key } of sessionsOf(app, email)) app.run('session', 'revoke', '--', key)
      await outlived(app, ...tokens)
      const seen = watch(jar)
      assert.match(await run(page, client, 'many'), /^0 of 20 answered\./)
      assert.equal(seen.api.length, 20)
      assert.ok(seen.auth.length >= 1 && seen.auth.length <= 20, `${seen.auth.length} refreshes`)
    })
  }

  it('F01 five tabs with three clients each wake up together: every call is answered, over one rotation', async () => {
    const night = await asleep(5)
    const { pages } = night
    const ends = await Promise.all(
      pages.flatMap((page, tab) => CLIENTS.map((client, at) => run(page, client, tab % 3 === at ? 'many' : 'one'))),
    )
    assert.deepEqual([...new Set(ends)].sort(), ['1 of 1 answered.', '20 of 20 answered.'])
    await unharmed(night)
  })

  it('F08 a page that is reloaded twenty times in the middle of a refresh stays logged in', async () => {
    const night = await asleep(1)
    const [page] = night.pages
    for (let times = 0; times < 20; times += 1) {
      const refreshing = page.waitForRequest(REFRESH)
      await page.goto('/', { waitUntil: 'commit' })
      await refreshing
    }
    await page.goto('/')
    for (const client of CLIENTS) assert.equal(await run(page, client, 'one'), '1 of 1 answered.')
    await unharmed(night)
  })
})
