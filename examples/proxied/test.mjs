// Server-rendered pages and a plain script in front of a backend with tokens of its own.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { application, cookie, eventually, quiet, watch } from '../shared/testing.mjs'

const AUTH = '/api/v1/users/auth'
const app = application('proxied')

/** What reaches the backend. */
const backend = []
const reached = (method, path) => backend.filter((request) => request === `${method} ${path}`).length
const refreshes = () => reached('POST', `${AUTH}/refresh-token`)
let listening = false
beforeEach(() => {
  if (!listening)
    app.api.prependListener('request', ({ method, url }) => backend.push(`${method} ${url.split('?')[0]}`))
  listening = true
  backend.length = 0
})

async function signedIn({ email, password } = app.accounts[0]) {
  const jar = await app.jar()
  const page = await jar.newPage()
  await page.goto('/')
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'to send' }).waitFor()
  backend.length = 0
  return { jar, page }
}

/** The same person ends all logins but a new one. */
async function endFromElsewhere() {
  const { page } = await signedIn()
  await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
  await eventually('the other login ended', () => reached('GET', '/') === 1)
}

/** The access token's cookie is gone, as after its life. */
const expire = (jar) => jar.clearCookies({ name: 'access_token' })
const lookUp = (page) => page.getByRole('button', { name: 'Look up all stock at once' }).click()
const stock = (page) => page.getByText(/ left$/)

describe('proxied: what scripts can read', () => {
  it('nothing: no cookie, and no token in the answers to login and refresh', async () => {
    const { jar, page } = await signedIn()
    assert.equal(await page.evaluate(() => document.cookie), '')
    assert.equal((await jar.cookies()).filter(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Strict').length, 2)
    const tokens = [await cookie(jar, 'access_token'), await cookie(jar, 'refresh_token')]
    const answers = await page.evaluate(
      async ([auth, entry]) => {
        const json = { method: 'POST', headers: { 'content-type': 'application/json' } }
        const refresh = await fetch(`${auth}/refresh-token`, { method: 'POST' })
        const login = await fetch(`${auth}/login`, { ...json, body: JSON.stringify(entry) })
        return [refresh.status, await refresh.json(), login.status, await login.json()]
      },
      [AUTH, app.accounts[0]],
    )
    assert.deepEqual(answers, [
      200,
      { success: true, data: { name: 'Ada' } },
      200,
      { success: true, data: { name: 'Ada' } },
    ])
    for (const token of tokens) assert.ok(!JSON.stringify(answers).includes(token))
  })

  it('says why a login was refused, and sets nothing', async () => {
    const jar = await app.jar()
    const page = await jar.newPage()
    await page.goto('/login')
    await page.getByLabel('E-mail address').fill('ada@orders.test')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').filter({ hasText: 'not the right' }).waitFor()
    assert.deepEqual(await jar.cookies(), [])
    assert.equal(refreshes(), 0)
  })
})

describe('proxied: expiry', () => {
  it('F16 a page that was asked for with a dead token is rendered once, for the person, after one refresh', async () => {
    const { jar, page } = await signedIn()
    await expire(jar)
    await page.goto('/orders/1043')
    await page.getByRole('heading', { name: 'Order 1043' }).waitFor()
    assert.deepEqual([reached('GET', '/orders/1043'), reached('GET', '/login'), refreshes()], [1, 0, 1])
    assert.ok(await cookie(jar, 'access_token'))
  })

  it('F16 a script that writes with a dead token writes once, and the page asks nothing about its session', async () => {
    const { jar, page } = await signedIn()
    await page.goto('/orders/1045')
    await expire(jar)
    const seen = watch(jar)
    await page.getByRole('button', { name: 'Mark as sent' }).click()
    await page.getByRole('button', { name: 'Take back' }).waitFor()
    assert.deepEqual(seen, { ...seen, auth: [], api: ['POST /api/v1/orders/1045/sent'] })
    assert.deepEqual([reached('POST', '/api/v1/orders/1045/sent'), refreshes()], [1, 1])
    await page.getByRole('button', { name: 'Take back' }).click()
    await page.getByRole('button', { name: 'Mark as sent' }).waitFor()
  })

  it('requests of one page that meet a dead token share one refresh', async () => {
    const { jar, page } = await signedIn()
    await expire(jar)
    await lookUp(page)
    await stock(page).nth(3).waitFor()
    assert.equal(refreshes(), 1)
    await expire(jar)
    const statuses = await page.evaluate(() =>
      Promise.all(Array.from({ length: 20 }, () => fetch('/api/v1/orders/1042/stock').then((answer) => answer.status))),
    )
    assert.deepEqual(statuses, Array(20).fill(200))
    assert.equal(refreshes(), 2)
  })

  it('five tabs that load at once share one refresh', async () => {
    const { jar, page } = await signedIn()
    const tabs = [page, ...(await Promise.all(Array.from({ length: 4 }, () => jar.newPage())))]
    await expire(jar)
    await Promise.all(tabs.map((tab) => tab.goto('/')))
    await Promise.all(tabs.map((tab) => tab.getByRole('heading', { name: 'to send' }).waitFor()))
    assert.deepEqual([refreshes(), reached('GET', '/')], [1, 5])
  })

  it('an answer that got lost costs nothing: whoever comes with the spent token gets its successor', async () => {
    const { jar, page } = await signedIn()
    const before = (await jar.cookies()).filter(({ name }) => name === 'refresh_token')
    await expire(jar)
    await page.reload()
    await expire(jar)
    await jar.addCookies(before)
    await page.reload()
    await page.getByRole('heading', { name: 'to send' }).waitFor()
    assert.equal(refreshes(), 1)
  })
})

describe('proxied: the end', () => {
  it('a refresh that is refused leads a page to the login once, with no cookie left, and back afterwards', async () => {
    const { jar, page } = await signedIn()
    await endFromElsewhere()
    await expire(jar)
    backend.length = 0
    await page.goto('/orders/1043')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.deepEqual([refreshes(), reached('GET', '/login')], [1, 1])
    assert.deepEqual(await jar.cookies(), [])
  })

  it('F14 F25 a refresh that is refused answers a script 401, which leads to the login once, says so there, and goes on where it was', async () => {
    const { jar, page } = await signedIn()
    await endFromElsewhere()
    await expire(jar)
    backend.length = 0
    await lookUp(page)
    await page.getByText('You were signed out').waitFor()
    await quiet(jar)
    assert.deepEqual([refreshes(), reached('GET', '/login')], [1, 1])
    assert.deepEqual(await jar.cookies(), [])
    await page.getByLabel('E-mail address').fill(app.accounts[1].email)
    await page.getByLabel('Password').fill(app.accounts[1].password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Signed in as Grace').waitFor()
  })

  it('F22 after signing out, Back shows nothing of the person', async () => {
    const { jar, page } = await signedIn()
    await page.goto('/orders/1043')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL('**/login')
    assert.deepEqual(await jar.cookies(), [])
    await page.goBack()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.equal(await page.getByText('Order 1043').count(), 0)
  })

  it('F03 a backend that is out of order signs nobody out', async () => {
    const { jar, page } = await signedIn()
    const usual = app.api.listeners('request')
    app.api.removeAllListeners('request')
    app.api.on('request', (_, response) => response.writeHead(500).end())
    await expire(jar)
    const during = await page.evaluate(() => fetch('/api/v1/orders/1042/stock').then((answer) => answer.status))
    app.api.removeAllListeners('request')
    for (const listener of usual) app.api.on('request', listener)
    assert.equal(during, 503)
    assert.ok(await cookie(jar, 'refresh_token'))
    await eventually('an answer again', () =>
      page.evaluate(() => fetch('/api/v1/orders/1042/stock').then((answer) => answer.ok)),
    )
    await page.reload()
    await page.getByText('Signed in as Ada').waitFor()
  })
})
