// A client that reads the CSRF cookie, behind a gateway that renews while its requests are under way.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, cookie, expire, watch } from '../shared/testing.mjs'
import { generation, pass, sessionsOf } from '../shared/tokens.mjs'

const COOLDOWN = 120
const app = application('legacy-cookies')

async function open(jar) {
  const page = await jar.newPage()
  await page.goto('/')
  await page.locator('#csrf-cookie').waitFor()
  return page
}

async function run(page, calls) {
  await page.locator(`[data-calls=${calls}]`).click()
  const ended = page.getByRole('status').filter({ hasText: 'answered' })
  await ended.waitFor({ timeout: 30_000 })
  return ended.textContent()
}

/** The statuses that the jar's pages are answered from now on. */
function statuses(jar) {
  const seen = []
  jar.on('response', (response) => seen.push(response.status()))
  return seen
}

describe('legacy-cookies', () => {
  it('logs in as such clients do, and writes', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/')
    await page.getByLabel('E-mail address').fill(app.accounts[0].email)
    await page.getByLabel('Password').fill(app.accounts[0].password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('#csrf-cookie').waitFor()
    assert.equal(await run(page, 'write'), '1 of 1 answered.')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Password').waitFor()
  })

  it('twenty calls with a dead token see no 401 and cause no further request, over one rotation', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const before = await generation(jar)
    await expire(jar)
    pass(app, COOLDOWN)
    const [seen, told] = [watch(jar), statuses(jar)]
    assert.equal(await run(page, 'many'), '20 of 20 answered.')
    assert.deepEqual([...new Set(told)], [200])
    assert.deepEqual([seen.auth, seen.api.length], [[], 20])
    assert.equal(await generation(jar), before + 1)
  })

  it('F31 five tabs write after their token was renewed, and after another login of the same person', async () => {
    const jar = await app.signedIn()
    const pages = await Promise.all(Array.from({ length: 5 }, () => open(jar)))
    const told = statuses(jar)
    const write = async () => {
      for (const end of await Promise.all(pages.map((page) => run(page, 'write'))))
        assert.equal(end, '1 of 1 answered.')
    }
    await expire(jar)
    pass(app, COOLDOWN)
    await write()
    await expire(jar)
    await app.giveSession(jar)
    await write()
    assert.deepEqual([...new Set(told)], [201])
  })

  it('F08 a page that is reloaded twenty times while its token is renewed stays logged in', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    const before = await generation(jar)
    await expire(jar)
    pass(app, COOLDOWN)
    for (let times = 0; times < 20; times += 1) {
      const asking = page.waitForRequest('**/api/me')
      await page.goto('/', { waitUntil: 'commit' })
      await asking
    }
    await page.goto('/')
    await page.locator('#csrf-cookie').waitFor()
    assert.equal(await run(page, 'write'), '1 of 1 answered.')
    assert.equal(await generation(jar), before + 1)
  })

  it('F14 when the session was ended elsewhere, one call is one question and a refusal', async () => {
    const email = app.accounts[1].email
    const jar = await app.signedIn(email)
    const page = await open(jar)
    for (const { session_key: key } of sessionsOf(app, email)) app.run('session', 'revoke', '--', key)
    await expire(jar)
    const seen = watch(jar)
    assert.match(await run(page, 'one'), /^0 of 1 answered\./)
    assert.deepEqual(seen, { ...seen, auth: ['POST token'], api: ['GET /api/me'] })
    assert.equal(await cookie(jar, 'refreshtoken'), undefined)
  })
})
