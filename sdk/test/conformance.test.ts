//! The scenarios of `conformance/` with the SDK as the browser's page: this side plays the service and the cookie jar,
//! says what they say in a transcript, and holds the SDK to the rest.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createSession, isSessionError, type Platform, type Session } from '../src/index.ts'

const FOLDER = new URL('../../conformance/', import.meta.url)
const ORIGIN = 'https://app.test'
/** Longer than an access token lives. */
const EXPIRY_MS = 16 * 60_000

interface Request_ {
  method?: string
  path: string
  refresh?: string
  access?: string
  bearer?: string
  csrf?: string
  kind?: 'call' | 'navigation' | 'prefetch'
  body_bytes?: number
}

interface Reply {
  status: number
  code?: string
  reason?: string
  retry_after?: boolean
  hands?: { access?: string; csrf?: string }
  csrf?: string
  session?: string
  lost?: boolean
}

interface Exchange {
  request: Request_
  reply: Reply
}

type Step =
  | { login: { access: string; csrf: string } }
  | { logout: object }
  | { time: 'passes' }
  | { store: string }
  | { at_once: Exchange[] }
  | { call: Exchange[]; ends: string; page?: string }
  | Exchange

interface Scenario {
  about: string
  transport?: 'cookie' | 'bearer'
  steps: Step[]
}

/** What names stand for. A CSRF token begins with its session. */
const tokenOf = (name: string) => `token ${name}`
const csrfOf = (name: string) => `key-${name}.tag`
const keyOf = (csrf: string) => csrf.split('.')[0] as string

class Stage {
  readonly #transport: 'cookie' | 'bearer'
  #session: Session
  #now = 1000
  #has_login = false
  /** What scripts can read. */
  #csrf: string | null = null
  #hint: string | null = null
  /** What was not sent yet, and what holds up the answers of requests that are under way together. */
  #expected: Exchange[] = []
  #together = Promise.resolve()
  #arrived = () => {}
  #unexpected: unknown[] = []

  constructor(transport: 'cookie' | 'bearer' = 'cookie') {
    this.#transport = transport
    this.#session = this.#open()
  }

  #open(): Session {
    return createSession({ transport: this.#transport, platform: this.#platform(), userCache: false })
  }

  async play(step: Step): Promise<void> {
    if ('login' in step) return this.#logIn(step.login)
    if ('time' in step) this.#now += EXPIRY_MS
    if ('call' in step) return this.#call(step.call, step.ends, step.page)
    if ('at_once' in step) return this.#atOnce(step.at_once)
    if ('request' in step) return this.#call([step], endOf(step.reply))
  }

  /** The first login is this page's, every other one is another tab's. */
  async #logIn({ access, csrf }: { access: string; csrf: string }): Promise<void> {
    if (this.#has_login) return
    this.#has_login = true
    this.#store({ access, csrf })
    await this.#session.commit(this.#answer({ status: 200, session: 'authenticated', hands: { access, csrf } }))
  }

  async #call(exchanges: Exchange[], ends: string, page?: string): Promise<void> {
    this.#expected = [...exchanges]
    const first = exchanges[0] as Exchange
    this.#show(first.request, page)
    const { sessionKey } = this.#session.state
    // Whose page it is does not change while it is open: this is another tab.
    if (sessionKey && this.#csrf && keyOf(this.#csrf) !== sessionKey) this.#session = this.#open()
    const before = this.#session.state.status
    const request = exchanges.map((exchange) => exchange.request).find(({ path }) => !path.startsWith('/auth/'))
    assert.equal(await this.#wish(request ?? { path: '/api/x' }), ends)
    this.#holds()
    if (ends === 'auth_unavailable') assert.equal(this.#session.state.status, before, 'an outage changes nothing')
  }

  async #atOnce(exchanges: Exchange[]): Promise<void> {
    this.#expected = [...exchanges]
    this.#show((exchanges[0] as Exchange).request)
    this.#together = new Promise((then) => {
      this.#arrived = () => this.#expected.length === 0 && then()
    })
    const ends = await Promise.all(exchanges.map(({ request }) => this.#wish(request)))
    assert.deepEqual(
      ends,
      exchanges.map(({ reply }) => endOf(reply)),
    )
    this.#holds()
    this.#together = Promise.resolve()
  }

  #holds(): void {
    if (this.#unexpected.length) throw this.#unexpected[0]
    assert.deepEqual(this.#expected, [], 'everything was sent')
  }

  /** One request of the app, and how its promise ends. */
  #wish({ method = 'GET', path, body_bytes, kind = 'call' }: Request_): Promise<string> {
    assert.equal(kind, 'call', 'no script causes it')
    const body = body_bytes ? 'x'.repeat(body_bytes) : undefined
    return this.#session.fetch(`${ORIGIN}${path}`, { method, body }).then(
      ({ status }) => `${status}`,
      (error) => {
        if (isSessionError(error)) return [error.code, error.reason].filter(Boolean).join(' ')
        return error instanceof TypeError && error.message === 'lost' ? 'nothing' : `${error}`
      },
    )
  }

  async #fetch(request: Request): Promise<Response> {
    const exchange = this.#expected.shift()
    try {
      await this.#check(request, exchange)
    } catch (error) {
      this.#unexpected.push(error)
    }
    this.#arrived()
    await this.#together
    const reply: Reply = exchange?.reply ?? { status: 500 }
    if (reply.lost) throw new TypeError('lost')
    this.#store(reply.hands ?? {})
    if (reply.code === 'session_ended') this.#hint = `ended.${reply.reason}`
    const next = this.#expected[0]
    if (next) this.#show(next.request)
    return this.#answer(reply)
  }

  async #check(request: Request, exchange: Exchange | undefined): Promise<void> {
    const { pathname, search } = new URL(request.url)
    assert.ok(exchange, `${request.method} ${pathname} is one request too many`)
    const { method = 'GET', path, csrf, bearer, body_bytes = 0 } = exchange.request
    assert.equal(`${request.method} ${pathname}${search}`, `${method} ${path}`)
    assert.equal(request.headers.get('authorization'), bearer ? `Bearer ${tokenOf(bearer)}` : null)
    // What changes nothing may say whose page it comes from.
    const free = !csrf && method === 'GET'
    if (!free || request.headers.has('x-csrftoken'))
      assert.equal(request.headers.get('x-csrftoken'), csrf || free ? this.#csrf : null, 'the CSRF header')
    assert.equal((await request.clone().arrayBuffer()).byteLength, body_bytes)
  }

  /** What scripts can read when this request leaves. */
  #show({ refresh, access, csrf, bearer }: Request_, page = csrf): void {
    if (page === 'wrong') this.#csrf = `${keyOf(this.#csrf as string)}.wrong`
    else if (page) this.#csrf = csrfOf(page)
    else if (!refresh) this.#csrf = null
    const token = access ?? bearer
    if (token) this.#hint = `authenticated.${keyOf(this.#csrf as string)}.${token}`
    else if (refresh) this.#hint = null
  }

  #store({ access, csrf }: { access?: string; csrf?: string }): void {
    if (csrf) this.#csrf = csrfOf(csrf)
    if (access) this.#hint = `authenticated.${keyOf(this.#csrf as string)}.${access}`
  }

  #answer({ status, code, reason, csrf, session, hands = {}, retry_after }: Reply): Response {
    const headers = new Headers({ 'content-type': code ? 'application/problem+json' : 'application/json' })
    if (retry_after) headers.set('retry-after', '1')
    const csrf_token = csrf ? csrfOf(csrf) : undefined
    if (code) {
      const type = `urn:perennial:problem:${code}`
      return Response.json({ type, code, reason, csrf_token }, { status, headers })
    }
    if (!session) return Response.json({}, { status, headers })
    const is_authenticated = session === 'authenticated'
    const access = this.#transport === 'bearer' && hands.access ? tokenOf(hands.access) : undefined
    const told = hands.csrf ? csrfOf(hands.csrf) : this.#csrf
    const session_key = is_authenticated && told ? keyOf(told) : null
    const body = { status: session, is_authenticated, session_key, csrf_token: told, expires_in: 900, access }
    return Response.json(body, { status, headers })
  }

  #platform(): Platform {
    return {
      fetch: (input, init) => this.#fetch(new Request(input, init)),
      href: `${ORIGIN}/page`,
      cookies: () =>
        [this.#csrf && `csrftoken=${this.#csrf}`, this.#hint && `auth_hint=${this.#hint}`].filter(Boolean).join('; '),
      now: () => this.#now,
      random: () => 0.5,
      after: (_, then) => void setImmediate(then),
      online: () => true,
      alone: (_, work) => work(),
      channel: () => null,
      read: () => null,
      write: () => {},
      wakes: () => () => {},
    }
  }
}

const DEFINITE = ['session_ended', 'identity_changed', 'auth_unavailable']

/** How a call ends to which this is the last word. */
const endOf = ({ lost, status, code = '', reason }: Reply): string => {
  if (lost) return 'nothing'
  return DEFINITE.includes(code) ? [code, reason].filter(Boolean).join(' ') : `${status}`
}

const json = <Value>(path: string): Value => JSON.parse(readFileSync(new URL(path, FOLDER), 'utf8'))
const skips = json<Record<string, string>>('skips/sdk.json')
const names = readdirSync(new URL('scenarios/', FOLDER)).map((file) => file.replace('.json', ''))

async function playAll(steps: Step[], transport?: 'cookie' | 'bearer'): Promise<void> {
  const stage = new Stage(transport)
  for (const step of steps) await stage.play(step)
}

test('every skip is of a scenario', () => {
  assert.deepEqual(
    Object.keys(skips).filter((name) => !names.includes(name)),
    [],
  )
})

for (const name of names) {
  const { about, transport, steps } = json<Scenario>(`scenarios/${name}.json`)
  test(`${name}: ${about}`, async (context) => {
    const reason = skips[name]
    if (!reason) return playAll(steps, transport)
    context.diagnostic(`skipped: ${reason}`)
    await assert.rejects(() => playAll(steps, transport), 'it passes: skip it no more')
  })
}

test('a scenario with one wrong word fails', async () => {
  const text = readFileSync(new URL('scenarios/csrf_mismatch_is_repaired_by_the_answer.json', FOLDER), 'utf8')
  const [start, end] = text.split('"call"') as [string, string]
  for (const [right, wrong] of [
    ['"ends": "200"', '"ends": "403"'],
    ['POST', 'PUT'],
    ['/api/x', '/api/y'],
    ['csrf_failed', ''],
  ] as const) {
    const { transport, steps }: Scenario = JSON.parse(`${start}"call"${end.replace(right, wrong)}`)
    await assert.rejects(() => playAll(steps, transport), `${right} or ${wrong}, it is all the same`)
  }
})
