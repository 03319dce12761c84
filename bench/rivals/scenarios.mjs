// What is done with each candidate, and what left the browser meanwhile. `expires`: it is about an access token that
// expires, which not every candidate has. `burst`: how many calls came back, and when, is worth a line of its own.

import { setTimeout as sleep } from 'node:timers/promises'
import { callAtOnce, callOverTime, callsWellAgain, ready, timed } from './visit.mjs'

const TABS = 5
const CALLS = 20
const OUTAGE_MS = 6_000
const TOLD_MS = 3_000

export const SCENARIOS = [
  {
    name: 'First load, nobody logged in',
    run: (visit) => visit.count(async () => void (await visit.tab())),
  },
  {
    name: 'Second load, nobody logged in',
    async run(visit) {
      const page = await visit.tab()
      await visit.quiet()
      return visit.count(async () => {
        await page.reload()
        await ready(page)
      })
    },
  },
  {
    name: 'Load and one call, valid access token',
    async run(visit) {
      await visit.logIn()
      return visit.count(async () => useOnce(await visit.tab()))
    },
  },
  {
    name: 'Load and one call, expired access token',
    expires: true,
    async run(visit) {
      await visit.logIn()
      await visit.expire()
      return visit.count(async () => useOnce(await visit.tab()))
    },
  },
  {
    name: '3 route changes',
    async run(visit) {
      await visit.logIn()
      const page = await visit.tab()
      await visit.quiet()
      return visit.count(() => walk(page, ['settings', 'account', 'settings']))
    },
  },
  {
    name: '3 returns from a page that does not ask, 1.5 s each',
    async run(visit) {
      await visit.logIn()
      const page = await visit.tab()
      await visit.quiet()
      return visit.count(() => walk(page, ['public', 'account', 'public', 'settings', 'public', 'account']))
    },
  },
  {
    name: '20 calls at once, the access token expired in the open tab',
    burst: true,
    expires: true,
    async run(visit) {
      await visit.logIn()
      const page = await visit.tab()
      await visit.expire()
      return visit.count(() => timed(() => callAtOnce([page], CALLS)))
    },
  },
  {
    name: '20 calls at once during a load, expired access token',
    burst: true,
    expires: true,
    async run(visit) {
      await visit.logIn()
      await visit.expire()
      const page = await visit.context.newPage()
      const load = () => page.goto(visit.stage.origin, { waitUntil: 'commit' })
      return visit.count(() => timed(() => load().then(() => callAtOnce([page], CALLS))))
    },
  },
  {
    name: '5 tabs, one call each as the access token has expired',
    burst: true,
    expires: true,
    run: fiveTabs,
  },
  {
    name: 'The same without `navigator.locks`',
    burst: true,
    expires: true,
    async run(visit) {
      await visit.context.addInitScript(() => delete Navigator.prototype.locks)
      return fiveTabs(visit)
    },
  },
  {
    name: 'Opening 5 tabs one by one, one call each',
    async run(visit) {
      await visit.logIn()
      return visit.count(async () => {
        for (let opened = 0; opened < TABS; opened += 1) {
          await useOnce(await visit.tab())
          await sleep(1_000)
        }
      })
    },
  },
  {
    name: 'Coming back to 1 of 5 tabs',
    async run(visit) {
      await visit.logIn()
      const [page] = await visit.tabs(TABS)
      await page.evaluate(show, 'hidden')
      await visit.quiet()
      return visit.count(() => page.evaluate(show, 'visible'))
    },
  },
  {
    name: 'Auth service down (503), 20 calls over 6 s, expired access token',
    expires: true,
    async run(visit) {
      await visit.logIn()
      const page = await visit.tab()
      await visit.expire()
      await visit.stage.wire.goDown()
      const sent = await visit.countSoFar(() => callOverTime(page, CALLS, OUTAGE_MS))
      await visit.stage.wire.comeBack()
      return { ...sent, survived: await callsWellAgain(page) }
    },
  },
  {
    name: 'Logout with 5 tabs',
    async run(visit) {
      await visit.logIn()
      const [page, ...others] = await visit.tabs(TABS)
      await visit.quiet()
      return visit.count(async () => {
        await page.evaluate(() => void app.logout())
        const told = await Promise.all(others.map((other) => isTold(other)))
        return { told: told.filter(Boolean).length }
      })
    },
  },
]

async function fiveTabs(visit) {
  await visit.logIn()
  const pages = await visit.tabs(TABS)
  await visit.expire()
  return visit.count(() => timed(() => callAtOnce(pages, 1)))
}

async function walk(page, routes) {
  for (const route of routes) {
    await page.evaluate((route) => app.visit(route), route)
    if (route === 'public') await sleep(1_500)
  }
}

/** What a page shows about who is logged in, and whether a call succeeds. */
const useOnce = (page) => page.evaluate(async () => ({ shown: app.shown(), status: await app.call() }))

/** Whether a page comes to show the logout by itself. */
const isTold = (page) =>
  page
    .waitForFunction(() => app.shown() === 'out', null, { timeout: TOLD_MS })
    .then(
      () => true,
      () => false,
    )

/** Runs in the page: headless tabs have neither focus nor a background, so the events are made by hand. */
function show(state) {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
  Object.defineProperty(document, 'hidden', { value: state === 'hidden', configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))
  window.dispatchEvent(new Event(state === 'hidden' ? 'blur' : 'focus'))
}
