// The SDK as the service hands it out, in pages without a build, in a real browser.
//
// usage: sdk.mjs URL SNIPPET EMAIL PASSWORD
//
// Puts the snippet in a page of the service's own origin, of another one that may call, and of a foreign one; then
// logs in with the same module. Tells what the pages said and asked in one line of JSON.
// PERENNIAL_CHROMIUM and PERENNIAL_NODE_MODULES name the browser and the folder of the packages.

import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.env.PERENNIAL_NODE_MODULES, 'any.js'))('playwright-core')
const [URL_, snippet, email, password] = process.argv.slice(2)
const SDK = `${URL_}/auth/sdk.js`
const page = (script) => `<!doctype html><link rel="icon" href="data:,">${script}`

// Whatever name the browser has for this machine, the page of that name. A browser lets only what it knows to be on
// this machine ask this machine at all, so these pages are really served.
const others = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page(snippet)))
await new Promise((done) => others.listen(0, '127.0.0.1', done))
const { port } = others.address()

const browser = await chromium.launch({
  executablePath: process.env.PERENNIAL_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--host-resolver-rules=MAP app.example.com 127.0.0.1'],
})

let failure
try {
  const own = await visit(URL_)
  const allowed = await visit(`http://localhost:${port}`)
  const foreign = await visit(`http://app.example.com:${port}`)
  const told = { own, allowed, foreign: foreign.said.filter((text) => text.includes('blocked by CORS policy')), ...(await logIn()) }
  console.log(JSON.stringify(told))
} catch (error) {
  failure = error
}
await browser.close()
others.close()
if (failure) throw failure

/** A browser profile where the service has a page of this script. */
async function profile(script) {
  const context = await browser.newContext()
  await context.route(`${URL_}/page`, (route) => route.fulfill({ contentType: 'text/html', body: page(script) }))
  return context
}

async function visit(origin) {
  const context = await profile(snippet)
  const tab = await context.newPage()
  const [said, asked] = [[], []]
  tab.on('console', (message) => said.push(message.text()))
  tab.on('pageerror', (error) => said.push(error.message))
  tab.on('request', (request) => {
    const { origin, pathname } = new URL(request.url())
    if (origin === URL_ && pathname !== '/page') asked.push(`${request.method()} ${pathname}`)
  })
  await tab.goto(`${origin}/page`, { waitUntil: 'networkidle' })
  await context.close()
  return { said, asked }
}

async function logIn() {
  const context = await profile('')
  const tab = await context.newPage()
  await tab.goto(`${URL_}/page`)
  const loggedIn = await tab.evaluate(
    async ([sdk, email, password]) => {
      const { createFlows, createSession } = await import(sdk)
      const session = createSession()
      const state = await createFlows(session).login({ email, password })
      return [state.status, state.user?.email ?? (await session.profile())?.email]
    },
    [SDK, email, password],
  )
  await tab.reload()
  const reloaded = await tab.evaluate(async (sdk) => (await import(sdk)).createSession().state.status, SDK)
  return { loggedIn, reloaded }
}
