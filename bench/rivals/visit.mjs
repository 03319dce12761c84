// One browser profile at one candidate's origin: tabs, what they do, and what leaves for the network meanwhile.

import { setTimeout as sleep } from 'node:timers/promises'

const QUIET_MS = 500
const SETTLE_MS_MAX = 10_000
const CALL_MS_MAX = 12_000

export class Visit {
  #underway = new Set()
  #lastStart = 0
  #counts = { auth: 0, api: 0 }
  #unexpected = []

  /** `sleep` runs in a page of the origin and sets what a library keeps to "expired". */
  constructor(stage, context, sleep) {
    Object.assign(this, { stage, context, sleep })
    context.on('request', (request) => {
      const kind = stage.kindOf(request.url())
      if (kind === 'page') return
      if (kind === 'other') return this.#unexpected.push(request.url())
      this.#counts[kind] += 1
      this.#underway.add(request)
      this.#lastStart = Date.now()
    })
    context.on('response', (response) => this.#underway.delete(response.request()))
    context.on('requestfailed', (request) => this.#underway.delete(request))
  }

  /** A tab whose page has found out who is logged in. */
  async tab() {
    const page = await this.context.newPage()
    page.setDefaultTimeout(SETTLE_MS_MAX)
    await page.goto(this.stage.origin)
    await ready(page)
    return page
  }

  async tabs(count) {
    const pages = []
    while (pages.length < count) pages.push(await this.tab())
    return pages
  }

  /** Somebody logs in, and no tab stays open. */
  async logIn() {
    if (this.stage.wire.logIn) return this.stage.wire.logIn(this.context)
    const page = await this.tab()
    await page.evaluate(() => void app.login())
    await page.waitForFunction(() => window.app?.shown() === 'in')
    await this.quiet()
    await page.close()
  }

  /** The access tokens of the open tabs, or of the closed ones, are expired afterwards; later ones live long. */
  async expire() {
    await this.stage.wire.expire()
    if (!this.sleep) return
    const page = await this.context.newPage()
    await page.goto(`${this.stage.origin}/blank`)
    await page.evaluate(this.sleep)
    await page.close()
  }

  /** Resolves when nothing was sent for half a second and nothing is under way. */
  async quiet() {
    const until = Date.now() + SETTLE_MS_MAX
    this.#lastStart = Date.now()
    while (Date.now() < until && (this.#underway.size > 0 || Date.now() - this.#lastStart < QUIET_MS)) await sleep(50)
  }

  /** What left the browser during `act` and until it was quiet. */
  count(act) {
    return this.countSoFar(async () => {
      const result = await act()
      await this.quiet()
      return result
    })
  }

  /** What left the browser during `act`; what `act` answers beside it, if it has an answer of its own. */
  async countSoFar(act) {
    const before = { ...this.#counts, again: this.stage.wire.presentedAgain() }
    const result = await act()
    const now = { ...this.#counts, again: this.stage.wire.presentedAgain() }
    const sent = Object.fromEntries(Object.entries(now).map(([kind, count]) => [kind, count - before[kind]]))
    return { ...sent, ...result }
  }

  /** The browser's count and the server's are two, and have to agree. */
  check() {
    if (this.#unexpected.length > 0) throw new Error(`counted nowhere: ${this.#unexpected}`)
    const sent = this.#counts.auth + this.#counts.api
    const { served } = this.stage
    if (sent !== served) throw new Error(`the browser sent ${sent} requests, the server saw ${served}`)
  }
}

export const ready = (page) => page.evaluate(() => app.ready)

let alone = Promise.resolve()

/** Profiles run side by side, but only one of them is timed at a time. */
export function timed(act) {
  const result = alone.then(act)
  alone = result.catch(() => {})
  return result
}

/** `times` requests for the API at once from each page: how many came back well, and after how long. */
export async function callAtOnce(pages, times) {
  const bursts = await Promise.all(pages.map((page) => page.evaluate(burst, { times, limit: CALL_MS_MAX })))
  const statuses = bursts.flatMap(({ statuses }) => statuses)
  return {
    ms: Math.round(Math.max(...bursts.map(({ ms }) => ms))),
    ok: statuses.filter((status) => status === 200).length,
    of: statuses.length,
  }
}

/** Runs in the page, also in one that is only loading: the calls leave as soon as there is an app. */
async function burst({ times, limit }) {
  while (!window.app) await new Promise((resolve) => setTimeout(resolve, 2))
  const started = performance.now()
  const gaveUp = new Promise((resolve) => setTimeout(resolve, limit, 'no answer'))
  const one = () => Promise.race([app.call().catch((error) => String(error)), gaveUp])
  const statuses = await Promise.all(Array.from({ length: times }, one))
  return { statuses, ms: performance.now() - started }
}

/** `times` requests for the API, spread evenly over `ms`; nobody waits for their answers. */
export async function callOverTime(page, times, ms) {
  const started = Date.now()
  for (let index = 1; index <= times; index += 1) {
    await page.evaluate(() => void app.call().catch(() => {}))
    await sleep(Math.max(0, started + (index * ms) / times - Date.now()))
  }
}

/** Whether requests for the API succeed again before long. */
export async function callsWellAgain(page) {
  const until = Date.now() + CALL_MS_MAX
  while (Date.now() < until) {
    const { ok } = await callAtOnce([page], 1)
    if (ok === 1) return true
    await sleep(500)
  }
  return false
}
