// What the applications' tests share: a running application, browsers with a jar of their own, and a count of what they asked.

import { createHmac } from 'node:crypto'
import { after, afterEach, before } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { AUTH } from './calls.js'
import { start } from './run.mjs'

/** @typedef {import('playwright-core').BrowserContext} Jar */
/** @typedef {import('playwright-core').Page} Page */

/**
 * Starts `name` and a browser for the tests of this file (or of the `describe` that calls this).
 * The application is `app.url`, `app.accounts`, `app.run(…)`; it is there once the tests run.
 * @param {string} name
 * @param {{ settings?: Record<string, string>, development?: boolean }} options as `start` takes them
 */
export function application(name, options = {}) {
  const app = {
    /** A new jar: a browser profile of its own. @returns {Promise<Jar>} */
    async jar() {
      const jar = await app.browser.newContext({ baseURL: app.url })
      jar.setDefaultTimeout(10_000)
      jars.push(jar)
      return jar
    },
    /** A jar in which a session of `email` is live, without a login. */
    async signedIn(email = app.accounts[0].email) {
      const jar = await app.jar()
      await app.giveSession(jar, email)
      return jar
    },
    /** Puts a new session of `email` into a jar, as a login in another tab would. Answers its `session_key`. */
    async giveSession(jar, email = app.accounts[0].email) {
      const [cookies] = app.sessions(email)
      await jar.addCookies(cookies)
      return cookies.find(({ name }) => name === 'csrftoken').value.split('.')[0]
    },
    /** New sessions of `email`, each as the cookies of a jar. */
    sessions(email, count = 1) {
      const words = ['--subject', app.subject(email), '--count', String(count), '--aal', '2', '--json']
      const issued = app
        .run('session', 'issue', ...words)
        .trim()
        .split('\n')
      return issued.map((line) =>
        Object.entries(JSON.parse(line).cookies).map(([name, value]) => {
          const httpOnly = !/^(csrftoken|auth_hint)$/.test(name)
          return { name, value, httpOnly, url: app.url, sameSite: 'Lax' }
        }),
      )
    },
    /** Another account, without a second factor. */
    account(name) {
      const email = `${name.toLowerCase()}@perennial.test`
      return JSON.parse(app.run('user', 'add', email, '--name', name))
    },
    /** The id of an account. */
    subject(email) {
      const people = app
        .run('user', 'list')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      return people.find((person) => person.email === email).id
    },
    /** The newest mail to `email`, once it is there. */
    async mail(email) {
      return eventually(`a mail to ${email}`, async () => {
        const mails = await (await fetch(`${app.url}/dev/mailbox.json`)).json()
        return mails.find((mail) => mail.to === email)
      })
    },
  }
  const jars = []
  before(async () => {
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    app.browser = await chromium.launch({
      executablePath: process.env.PERENNIAL_CHROMIUM ?? '/usr/bin/chromium',
      args: [...sandbox, '--disable-gpu'],
      // Playwright turns the back/forward cache off; people have it on.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    Object.assign(app, await start(name, options))
  })
  afterEach(() => Promise.all(jars.splice(0).map((jar) => jar.close())))
  after(async () => {
    await app.browser?.close()
    await app.stop?.()
  })
  return app
}

/**
 * What a jar asks from now on: `auth` holds the auth calls (`POST token`), `api` the calls of the API (`GET /api/notes`).
 * @param {Jar} jar
 */
export function watch(jar) {
  const seen = {
    auth: [],
    api: [],
    clear() {
      seen.auth.length = 0
      seen.api.length = 0
    },
  }
  jar.on('request', (request) => {
    const { pathname } = new URL(request.url())
    const call = AUTH.exec(pathname)?.[1]
    if (call && request.resourceType() !== 'document') seen.auth.push(`${request.method()} ${call}`)
    else if (request.resourceType() === 'fetch' || request.resourceType() === 'xhr')
      seen.api.push(`${request.method()} ${pathname}`)
  })
  return seen
}

/** What `work` costs, once the pages of the jar ask nothing any more. @returns {Promise<string[]>} auth calls */
export async function cost(jar, work) {
  const seen = watch(jar)
  await work()
  await quiet(jar)
  return seen.auth
}

/** Until no page of this jar has a request under way, for a quarter of a second. */
export async function quiet(jar) {
  await Promise.all(jar.pages().map((page) => page.waitForLoadState('networkidle')))
  let open = 0
  let last = Date.now()
  const moved = (by) => () => {
    open += by
    last = Date.now()
  }
  const [more, less] = [moved(1), moved(-1)]
  jar.on('request', more).on('requestfinished', less).on('requestfailed', less)
  while (open > 0 || Date.now() - last < 250) await pause(50)
  jar.off('request', more).off('requestfinished', less).off('requestfailed', less)
}

/** The access token dies: the browser drops its cookie and the hint, as their Max-Age would make it. */
export async function expire(jar) {
  await jar.clearCookies({ name: /^(__Host-)?(accesstoken|auth_hint)/ })
}

/** The value of a cookie whose name begins so. */
export async function cookie(jar, name) {
  return (await jar.cookies()).find((one) => one.name.startsWith(name))?.value
}

/** What `question` answers, once that is something. */
export async function eventually(what, question, within = 10_000) {
  const end = Date.now() + within
  for (;;) {
    const answer = await question()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`there was never ${what}`)
    await pause(50)
  }
}

/** The six digits that an authenticator shows now (RFC 6238). */
export function totp(secret, now = Date.now()) {
  const bits = [...secret.replaceAll(/[\s=]/g, '')]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)))
  const digest = createHmac('sha1', key).update(step).digest()
  const code = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff
  return String(code % 1_000_000).padStart(6, '0')
}
