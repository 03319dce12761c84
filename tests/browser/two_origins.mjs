// An app and its auth service on two origins of one site, in a real browser: the page of the app holds the access
// token, the refresh cookie stays with the auth service, and pages of other origins get nothing.
//
// usage: two_origins.mjs AUTH_ORIGIN APP_ORIGIN UPSTREAM CERTIFICATE KEY EMAIL PASSWORD
//
// The page's own code is what docs/guides/two-origins.md shows. Serves TLS for both origins on this machine (the auth service itself answers at UPSTREAM, over plain http),
// drives Chromium through the story, and prints what was seen as one line of JSON.
// PERENNIAL_CHROMIUM and PERENNIAL_NODE_MODULES name the browser and the folder of the packages.

import { readFileSync } from 'node:fs'
import { request as forward } from 'node:http'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const modules = createRequire(join(process.env.PERENNIAL_NODE_MODULES, 'any.js'))
const load = (name) => import(pathToFileURL(modules.resolve(name)))
const { chromium } = modules('playwright-core')
const { createRemoteJWKSet, jwtVerify } = await load('jose')

const [AUTH, APP, UPSTREAM, certificate, key, email, password] = process.argv.slice(2)
const SIBLING = APP.replace('app.example.test', 'evil.example.test')
const STRANGER = APP.replace('app.example.test', 'evil.other.test')
const tls = { cert: readFileSync(certificate), key: readFileSync(key) }

// Every request that reached the auth service, in its order.
const seen = []
const count = (method, path, since = 0) =>
  seen.slice(since).filter((request) => request.method === method && request.path === path).length

const auth = createServer(tls, (request, response) => {
  const { method, headers, url } = request
  seen.push({ method, path: url, origin: headers.origin, site: headers['sec-fetch-site'], cookie: 'cookie' in headers })
  const onward = forward(new URL(url, UPSTREAM), { method, headers, setHost: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
})

// The app: its page, and an API that believes nothing but the published keys.
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', UPSTREAM))
const guide = readFileSync(new URL('../../docs/guides/two-origins.md', import.meta.url), 'utf8')
const client = /```js\n([\s\S]*?)```/.exec(guide)[1].replaceAll('https://auth.example.com', AUTH)
const app = createServer(tls, async (request, response) => {
  if (request.url === '/client.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(client)
  if (request.url !== '/api/orders') {
    return response.writeHead(200, { 'content-type': 'text/html' }).end(`<title>${request.headers.host}</title>`)
  }
  try {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const { payload } = await jwtVerify(token, keys, { issuer: AUTH, audience: 'api', typ: 'at+jwt' })
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sub: payload.sub }))
  } catch {
    response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()
  }
})
await Promise.all([[auth, AUTH], [app, APP]].map(([server, origin]) => new Promise((ready) => server.listen(new URL(origin).port, '127.0.0.1', ready))))

const browser = await chromium.launch({
  executablePath: process.env.PERENNIAL_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1'],
})
const context = await browser.newContext({ ignoreHTTPSErrors: true })
let failure
try {
  console.log(JSON.stringify(await story()))
} catch (error) {
  failure = error
}
await browser.close()
auth.closeAllConnections()
app.closeAllConnections()
auth.close()
app.close()
if (failure) throw failure

async function story() {
  const page = await open(APP)
  const refreshCookie = async () => (await context.cookies(AUTH)).find(({ name }) => name.startsWith('__Host-refreshtoken'))?.value
  const told = {}

  told.login = await call(page, 'POST', '/auth/login', { json: { email, password } })
  told.cookiesThatScriptsSee = await page.evaluate(() => document.cookie)
  told.cookies = (await context.cookies(AUTH)).map(({ name }) => name.replace(/-..$/, '')).sort()
  told.orders = await orders(page)

  const devices = seen.length
  told.devices = [await call(page, 'GET', '/auth/sessions', { bearer: true }), await call(page, 'GET', '/auth/sessions', { bearer: true })]
  told.preflights = { devices: count('OPTIONS', '/auth/sessions', devices), requests: count('GET', '/auth/sessions', devices) }

  while ((await orders(page)) === 200) await pause(100)
  told.ordersLater = await orders(page)
  told.expired = await call(page, 'GET', '/auth/sessions', { bearer: true })
  const before = await refreshCookie()
  const renewal = seen.length
  told.renewed = await call(page, 'POST', '/auth/token')
  told.renewal = { preflights: count('OPTIONS', '/auth/token', renewal), rotated: (await refreshCookie()) !== before, ...seen.at(-1) }
  told.ordersAfterwards = await orders(page)
  told.refusals = []
  for (const [method, path, options] of [
    ['GET', '/auth/nothing'],
    ['GET', '/auth/login'],
    ['POST', '/auth/login', { json: { email, password: 'not the right one' } }],
    ['POST', '/auth/login', { json: { email: 'x'.repeat(70_000) } }],
    ['POST', '/auth/login', { text: 'email=a' }],
  ]) told.refusals.push(await call(page, method, path, options))

  told.foreign = []
  const kept = await refreshCookie()
  for (const origin of [SIBLING, STRANGER, 'null']) told.foreign.push(await trespass(origin))
  told.unharmed = (await refreshCookie()) === kept

  const tabs = await Promise.all([open(APP), open(APP)])
  const load = seen.length
  told.resumed = await Promise.all(tabs.map((tab) => call(tab, 'POST', '/auth/session')))
  told.requestsOfALoad = seen.length - load
  told.ordersOfTabs = await Promise.all(tabs.map(orders))
  told.left = await call(page, 'POST', '/auth/logout')
  told.afterwards = await call(tabs[0], 'POST', '/auth/token')

  await page.goto(`${AUTH}/login?return_to=${encodeURIComponent(`${APP}/welcome?back=1`)}`)
  await page.fill('input[name=email]', email)
  await page.fill('input[name=password]', password)
  await Promise.all([page.waitForURL(`${APP}/**`, { timeout: 10_000 }), page.click('main button[type=submit]')])
  told.returnedTo = page.url().replace(APP, '')
  told.resumedAfterThePages = await call(page, 'POST', '/auth/session')
  await context.clearCookies()
  told.guided = await guided()
  return told
}

// The guide's client in a page of its own, through logins, deaths of tokens and a change of the person.
async function guided() {
  const [page, other] = [await open(APP), await open(APP)]
  const use = (tab, action, ...words) =>
    tab.evaluate(
      async ({ action, words }) => {
        globalThis.client ??= await import('/client.js')
        try {
          const answer = await globalThis.client[action](...words)
          return answer instanceof Response ? answer.status : (answer?.status ?? 'done')
        } catch (error) {
          return error.code ?? error.name
        }
      },
      { action, words },
    )
  const told = { before: await use(page, 'resume'), login: await use(page, 'login', email, password) }
  told.resumed = await use(other, 'resume')
  while ((await raw(other)) === 200) await pause(100)
  const renewal = seen.length
  told.calls = await page.evaluate(async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => globalThis.client.api('/api/orders')))
    return [...new Set(answers.map((answer) => answer.status))]
  })
  told.renewals = count('POST', '/auth/token', renewal)
  told.otherLogin = await use(other, 'login', email, password)
  while ((await raw(page)) === 200) await pause(100)
  told.staleTab = await use(page, 'api', '/api/orders')
  told.settled = [await use(page, 'resume'), await use(page, 'api', '/api/orders')]
  told.logout = [await use(page, 'logout'), await use(page, 'api', '/api/orders')]
  return told

  // Whether the tab's token is still good, without anything that would renew it.
  function raw(tab) {
    return tab.evaluate(async () => {
      const real = globalThis.fetch
      let status
      globalThis.fetch = async (...words) => ((status = (await real(...words)).status), new Response())
      await globalThis.client.api('/api/orders').finally(() => { globalThis.fetch = real })
      return status
    })
  }
}

async function open(origin) {
  const page = await context.newPage()
  await page.goto(origin)
  return page
}

// A call of the page to the auth service; the page keeps the access token that an answer brings.
function call(page, method, path, options = {}) {
  return page.evaluate(
    async ({ url, method, json, text, bearer }) => {
      const headers = {}
      if (json) headers['content-type'] = 'application/json'
      if (bearer) headers.authorization = `Bearer ${globalThis.access}`
      try {
        const body = json ? JSON.stringify(json) : text
        const answer = await fetch(url, { method, headers, body, credentials: 'include' })
        const said = await answer.text()
        const fields = said ? JSON.parse(said) : {}
        if (fields.access) globalThis.access = fields.access
        return {
          status: answer.status,
          code: fields.code ?? null,
          session: fields.status === 'authenticated',
          access: 'access' in fields,
          challenge: answer.headers.get('www-authenticate'),
        }
      } catch (error) {
        return { blocked: error.name }
      }
    },
    { url: AUTH + path, method, ...options },
  )
}

function orders(page) {
  return page.evaluate(async () => {
    const answer = await fetch('/api/orders', { headers: { authorization: `Bearer ${globalThis.access}` } })
    return answer.status
  })
}

// What a page of another origin gets, and what of it reached the auth service.
async function trespass(origin) {
  const first = seen.length
  const page = await open(origin === 'null' ? APP : origin)
  let frame = page
  if (origin === 'null') {
    await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<p>nobody</p>"></iframe>')
    frame = await (await page.waitForSelector('iframe')).contentFrame()
    await frame.waitForSelector('p')
  }
  const results = []
  for (const [method, path, options] of [
    ['GET', '/auth/session'],
    ['POST', '/auth/token'],
    ['POST', '/auth/session'],
    ['POST', '/auth/logout'],
    ['GET', '/auth/sessions', { bearer: true }],
    ['POST', '/auth/login', { json: { email, password } }],
  ]) results.push((await call(frame, method, path, options)).blocked ?? 'read')
  await page.close()
  const reached = seen.slice(first)
  return {
    results: [...new Set(results)],
    origins: [...new Set(reached.map((request) => request.origin).filter(Boolean))],
    preflights: reached.filter((request) => request.method === 'OPTIONS').length,
    behindPreflights: reached.filter((request) => ['/auth/login', '/auth/sessions'].includes(request.path) && request.method !== 'OPTIONS').length,
    carriedCookies: reached.some((request) => request.cookie),
  }
}
