// The demo of `perennial dev` in a real browser.
//
// usage: demo.mjs buttons URL EMAIL PASSWORD
//        demo.mjs load URL EMAIL PASSWORD SECONDS
//
// `buttons` uses each of them once and tells what the page showed. `load` opens five tabs that each call the API ten
// times a second, sleep, and wake all at once; it tells what the browser sent and was answered. Prints one line of JSON.
// PERENNIAL_CHROMIUM and PERENNIAL_NODE_MODULES name the browser and the folder of the packages.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const { chromium } = createRequire(join(process.env.PERENNIAL_NODE_MODULES, 'any.js'))('playwright-core')
const [story, URL_, email, password, seconds] = process.argv.slice(2)
const TABS = 5
const EVERY_MS = 100
const UNDER_WAY_MAX = 3
const BURST = 20

const browser = await chromium.launch({
  executablePath: process.env.PERENNIAL_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
})
const context = await browser.newContext()

// Every answer to the browser, by path.
const answers = []
context.on('response', (response) => answers.push({ path: new URL(response.url()).pathname, status: response.status() }))
const sent = []
context.on('request', (request) => sent.push(new URL(request.url()).pathname))

let failure
try {
  console.log(JSON.stringify(await { buttons, load }[story]()))
} catch (error) {
  failure = error
}
await browser.close()
if (failure) throw failure

async function logIn(page) {
  await page.goto(`${URL_}/demo`)
  await page.click('#enter')
  await page.fill('input[name=email]', email)
  await page.fill('input[name=password]', password)
  await Promise.all([page.waitForURL('**/demo'), page.click('main button[type=submit]')])
  await page.waitForSelector('#somebody:not([hidden])')
  await page.waitForFunction(() => document.querySelector('#told').textContent.startsWith('The API verified'))
}

async function buttons() {
  const page = await context.newPage()
  const complaints = []
  page.on('console', (message) => message.type() === 'error' && !message.text().includes('status of') && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  const text = (selector) => page.textContent(selector)
  const told = {}

  await page.goto(`${URL_}/demo`)
  await page.waitForSelector('#nobody:not([hidden])')
  told.nobody = await text('#nobody .name')
  told.anonymousCall = await use('me')
  await logIn(page)
  told.somebody = await text('#somebody .email')
  told.cookiesThatScriptsSee = await page.evaluate(() => document.cookie.split('; ').map((pair) => pair.split('=')[0]).sort())
  const since = sent.length

  for (const name of ['me', 'burst', 'write', 'slow', 'expire', 'distrust', 'cut']) told[name] = await use(name)
  told.stillIn = await page.isVisible('#somebody')

  await page.click('[data-do=stream]')
  await page.waitForFunction(() => document.querySelector('#answer').textContent.includes('event 2'))
  await page.click('[data-do=revoke]')
  await page.waitForSelector('#nobody:not([hidden])')
  told.revoked = await text('#ended')
  const cut = Date.now()
  await page.waitForFunction(() => document.querySelector('[data-do=stream]').getAttribute('aria-pressed') === 'false', null, { timeout: 15_000 })
  told.streamCutInTime = Date.now() - cut < 10_000

  await logIn(page)
  const theft = answers.length
  await page.click('[data-do=steal]')
  await page.waitForFunction(() => document.querySelectorAll('.steps li').length === 9 && !document.querySelector('[data-do=steal]').disabled, null, { timeout: 30_000 })
  told.theft = await page.$$eval('.steps li', (steps) => steps.map((step) => step.querySelector('.who').innerText.replace('\n', ' ').replace(/\s+/g, ' ').trim()))
  told.outOfIt = answers.slice(theft).filter(({ path }) => path === '/api/me').map(({ status }) => status)
  told.endedBy = await text('#ended')

  await page.check('#notable')
  await pause(200)
  told.live = await page.$$eval('.exchange', (rows) =>
    rows.map((row) => [row.querySelector('.request').firstChild.textContent, row.querySelector('.request').childNodes[1].textContent.trim(),
      ...[...row.querySelectorAll('.tag')].map((tag) => tag.textContent), row.querySelector('.code').textContent].join(' ')))
  told.why = await page.$$eval('.exchange', (rows) => [...new Set(rows.map((row) => row.querySelector('.why')?.textContent).filter(Boolean))])
  told.phases = await page.$$eval('.exchange .track', (tracks) => [...new Set(tracks.flatMap((track) => [...track.children].map((part) => part.className)))])
  told.authRequests = sent.slice(since).filter((path) => path.startsWith('/auth/') && path !== '/auth/sdk.js').length
  told.complaints = complaints
  return told

  // Presses a button and waits until it is done; answers what the API answered meanwhile.
  async function use(name) {
    const first = answers.length
    await page.click(`[data-do=${name}]`)
    await page.waitForFunction((name) => !document.querySelector(`[data-do=${name}]`).disabled, name, { timeout: 15_000 })
    return answers.slice(first).filter(({ path }) => path.startsWith('/api/')).map(({ status }) => status)
  }
}

async function load() {
  const first = await context.newPage()
  await logIn(first)
  const tabs = [first]
  while (tabs.length < TABS) {
    const tab = await context.newPage()
    await tab.goto(`${URL_}/demo`)
    await tab.waitForFunction(() => document.querySelector('#told').textContent.startsWith('The API verified'))
    tabs.push(tab)
  }
  const [sentBefore, answeredBefore] = [sent.length, answers.length]
  const began = Date.now()
  const results = await Promise.all(tabs.map((tab) => tab.evaluate(calls, { seconds: Number(seconds), every: EVERY_MS, most: UNDER_WAY_MAX })))
  const took = (Date.now() - began) / 1000
  const statuses = {}
  for (const { path, status } of answers.slice(answeredBefore)) {
    if (path === '/api/me') statuses[status] = (statuses[status] ?? 0) + 1
  }
  // Nobody asks until every token is dead; then all tabs ask at once, as after a night's sleep.
  await pause(3000)
  const woken = await Promise.all(tabs.map((tab) => tab.evaluate(burst, BURST)))
  // What each tab shows once it has asked.
  for (const tab of tabs) {
    await tab.click('[data-do=me]')
    await tab.waitForSelector('[data-do=me]:not([disabled])')
  }
  const times = results.flatMap((result) => result.times).sort((one, other) => one - other)
  return {
    tabs: TABS,
    seconds: Math.round(took),
    calls: times.length,
    unanswered: results.reduce((sum, result) => sum + result.failed, 0),
    statuses,
    authRequests: sent.slice(sentBefore).filter((path) => path.startsWith('/auth/') && path !== '/auth/sdk.js').length,
    unauthorized: answers.slice(answeredBefore).filter(({ status }) => status === 401).length,
    sessions: new Set(results.flatMap((result) => result.sessions)).size,
    woken: woken.flat().filter((status) => status === 200).length,
    refusals: results.flatMap((result) => result.refusals).slice(0, 20),
    loggedOut: (await Promise.all(tabs.map((tab) => tab.isVisible('#nobody')))).filter(Boolean).length,
    p50: Math.round(times[Math.floor(times.length * 0.5)]),
    p99: Math.round(times[Math.floor(times.length * 0.99)]),
  }
}

// In a page: many calls at once.
function burst(count) {
  return Promise.all(Array.from({ length: count }, () => fetch('/api/items').then((answer) => answer.status)))
}

// In a page: a call every so often, but for turns at which the last ones are not answered yet: a browser that queues
// more and more would send cookies that are older and older.
async function calls({ seconds, every, most }) {
  const [times, sessions, under, refusals] = [[], new Set(), new Set(), []]
  const first = performance.now()
  let failed = 0
  const one = async () => {
    const began = performance.now()
    try {
      const answer = await fetch('/api/me')
      const said = await answer.json()
      if (said.session) sessions.add(said.session)
      if (said.code) refusals.push([Math.round(began - first), said.code, said.reason ?? ''].join(' '))
      times.push(performance.now() - began)
    } catch {
      failed += 1
    }
  }
  for (let turn = 0; turn * every < seconds * 1000; turn += 1) {
    await new Promise((done) => setTimeout(done, first + turn * every - performance.now()))
    if (under.size >= most) continue
    const call = one().finally(() => under.delete(call))
    under.add(call)
  }
  await Promise.all(under)
  return { times, failed, sessions: [...sessions], refusals }
}
