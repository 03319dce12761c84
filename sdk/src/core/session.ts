//! Carries out what the machine orders: sends, asks, settles, tells. It decides nothing.

import { answerOf, type Body, bodyOf, isSessionAnswer, verdictOf, waitOf } from './answers.ts'
import { SessionError } from './errors.ts'
import { personOf, readJar } from './jar.ts'
import { type Answer, FOREVER, type Input, type Order, start, step } from './machine.ts'
import { browserPlatform } from './platform.ts'
import type { Events, Options, Session, State, Status, User } from './types.ts'
import { urlsOf } from './urls.ts'

const ANSWER_MS = 8000
const PEERS_MS = 40
const SMALL = 65_536
const USER = 'perennial.user'
const LEAVING = 'perennial.leaving'

/** From tab to tab. A token travels in bearer transport only, where every script of this origin could ask for one too. */
type Message =
  | { is: 'ended'; person: string; reason: string }
  | { is: 'renewed'; answer: Answer; token?: string; user: User | null }
  | { is: 'needed'; person: string | null }

interface Waiting {
  request?: Request
  open: boolean
  /** Its body can be read once only, so it is never sent again. */
  once: boolean
  response?: Response
  resolve(response?: Response): void
  reject(error: unknown): void
}

export function createSession(options: Options = {}): Session {
  const page = options.platform ?? browserPlatform()
  const transport = options.transport ?? 'cookie'
  const bearer = transport === 'bearer'
  const names = { csrf: 'csrftoken', hint: 'auth_hint', ...options.cookies }
  const header = options.csrfHeader ?? 'X-CSRFToken'
  const urls = urlsOf(options, page.href)
  const name = urls.of('session')
  const sees_cookies = new URL(name).origin === new URL(page.href).origin
  const events = new EventTarget()
  const waiting = new Map<number, Waiting>()
  /** Tokens by their revision: the one that the machine goes by, and what has just come. */
  const tokens = new Map<string | null | undefined, string>()
  const channel = page.channel(name, hear)
  const sleep = page.wakes(wake)

  let machine = start(transport)
  let state: State
  let shown: string
  let identity: string | null | undefined
  let csrf: string | null = null
  let user: { person: string | null; user: User } | null = null
  let last = 0
  let watched = false
  let waits = false
  let peerAnswered = () => {}

  // What happened, and what follows from it

  function happen(input: Input): void {
    const [next, orders] = step(machine, input, page.now())
    machine = next
    for (const rev of tokens.keys()) if (rev !== machine.access?.rev) tokens.delete(rev)
    for (const order of orders) obey(order)
    show()
  }

  function obey(order: Order): void {
    if (order.do === 'send') send(order.id)
    if (order.do === 'ask') ask(order.call, order.rev)
    if (order.do === 'tell_ended') tell({ is: 'ended', person: order.person, reason: order.reason })
    if (order.do === 'tell_renewed') tellRenewed()
    if (order.do !== 'settle') return
    const { resolve, reject, response } = waiting.get(order.id) as Waiting
    waiting.delete(order.id)
    if (order.as === 'answer') return resolve(response)
    const reason = order.as === 'session_ended' ? ((machine.reason ?? 'unknown') as State['reason']) : null
    const wait_ms = (response && waitOf(response)) ?? Math.max(0, machine.wait_until - page.now())
    reject(new SessionError(order.as, { reason, status: response?.status, retryAfter: Math.ceil(wait_ms / 1000) }))
  }

  /** Reads the cookies: whoever is in them is who acts. */
  function look() {
    const seen = readJar((sees_cookies && page.cookies()) || '', names)
    csrf = seen.csrf ?? csrf
    if (sees_cookies) happen({ on: 'look', jar: seen.jar })
    return seen.jar
  }

  function show(): void {
    const { person, reason, failures } = machine
    const status = machine.status.toUpperCase() as Status
    const known = user && user.person === person && status === 'AUTHENTICATED' ? user.user : null
    const next = { status, sessionKey: person, user: known, reason, stale: failures > 0 } as State
    const text = JSON.stringify([next, csrf])
    if (text === shown) return
    const [previous, from] = [state, identity]
    shown = text
    state = Object.freeze(next)
    if (person || status !== 'LOADING') identity = person
    if (from !== undefined && from !== identity) {
      if (user?.person !== person) remember(null)
      emit('identity', { from, to: person })
    }
    emit('change', { state, previous })
    settleState()
  }

  const emit = <Name extends keyof Events>(name: Name, detail: Events[Name]) =>
    events.dispatchEvent(new CustomEvent(name, { detail }))

  function on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void {
    const heard = (event: Event) => listener((event as CustomEvent).detail)
    events.addEventListener(name, heard)
    return () => events.removeEventListener(name, heard)
  }

  // Requests

  function want(
    kind: 'ready' | 'fresh' | 'renew' | 'call' | 'open',
    needs_csrf = false,
    request?: Request,
    once = false,
  ): Promise<Response | undefined> {
    const id = ++last
    const signal = request?.signal
    look()
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', () => giveUp(id, signal.reason))
      waiting.set(id, { request, open: kind === 'open', once, resolve, reject })
      happen({ on: 'want', id, kind, needs_csrf })
    })
  }

  const known = async (kind: 'ready' | 'fresh' | 'renew', needs_csrf?: boolean) => {
    await want(kind, needs_csrf)
    return state
  }

  function giveUp(id: number, error: unknown): void {
    waiting.get(id)?.reject(error)
    if (waiting.delete(id)) happen({ on: 'abort', id })
  }

  function credentials(headers = new Headers()): Headers {
    const token = tokens.get(machine.access?.rev)
    if (token) headers.set('authorization', `Bearer ${token}`)
    if (!bearer && csrf && personOf(csrf) === machine.person) headers.set(header, csrf)
    return headers
  }

  async function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    const url = new URL(request.url)
    const open = urls.isOpen(url)
    if (!open && !urls.isApi(url)) return page.fetch(request)
    look()
    const needs_csrf = !bearer && !csrf && !/GET|HEAD|OPTIONS/.test(request.method)
    const response = await want(open ? 'open' : 'call', needs_csrf, request, init?.body instanceof ReadableStream)
    if (open) take(await read(response as Response))
    return response as Response
  }

  async function send(id: number): Promise<void> {
    const wish = waiting.get(id) as Waiting
    const { once, open } = wish
    const request = wish.request as Request
    try {
      const copy = once ? request : request.clone()
      credentials(copy.headers)
      const response = await (open ? observed(new URL(copy.url).pathname, copy) : page.fetch(copy))
      const { status, headers } = response
      const matters =
        /401|403|409|503/.test(`${status}`) || (!bearer && Number(headers.get('content-length') ?? SMALL) < SMALL)
      const body = matters ? await read(response) : {}
      const is = verdictOf(body) ?? (bearer && status === 401 ? 'refused' : 'fine')
      wish.response = response
      if (is !== 'ended') look()
      happen({
        on: 'answer',
        id,
        is: once && /refused|stale|csrf|body/.test(is) ? 'fine' : is,
        reason: body.reason ?? null,
      })
    } catch (error) {
      giveUp(id, error)
    }
  }

  /** What an answer says, which may be a new CSRF token. */
  async function read(response: Response): Promise<Body> {
    const body = await bodyOf(response.clone())
    csrf = body.csrf_token ?? csrf
    return body
  }

  // Questions to the service

  async function observed(call: string, request: Request): Promise<Response> {
    const begun = page.now()
    let status = 0
    try {
      const response = await page.fetch(request, { credentials: 'include' })
      status = response.status
      return response
    } finally {
      emit('request', { call, status, ms: page.now() - begun })
    }
  }

  /** Nothing where nothing came. */
  const post = async (call: string, headers?: Headers) =>
    page.online()
      ? observed(
          call,
          new Request(urls.of(call), { method: 'POST', headers, signal: AbortSignal.timeout(ANSWER_MS) }),
        ).catch(() => undefined)
      : undefined

  async function ask(call: 'session' | 'token', rev: string | null): Promise<void> {
    happen(await page.alone(name, () => question(call, rev)))
    look()
  }

  async function question(call: 'session' | 'token', rev: string | null): Promise<Input> {
    const reply = { on: 'reply', is: 'fine', answer: null, reason: null, wait_ms: null, chance: 0 } as const
    look()
    if (bearer && channel && !isFresh(rev)) {
      tell({ is: 'needed', person: machine.person })
      await new Promise<void>((then) => {
        peerAnswered = then
        page.after(PEERS_MS, then)
      })
    }
    if (isFresh(rev)) return reply
    const response = await post(call, call === 'token' ? credentials() : undefined)
    const body = response ? await read(response) : {}
    if (isSessionAnswer(body)) return { ...reply, answer: learn(body) }
    const chance = Math.floor(page.random() * 1000)
    return {
      ...reply,
      is: verdictOf(body) ?? 'unavailable',
      reason: body.reason ?? null,
      wait_ms: response ? waitOf(response) : null,
      chance,
    }
  }

  /** While somebody watches, a state that is not known is asked for until it is. */
  async function settleState(): Promise<void> {
    if (waits || !watched || machine.status !== 'loading') return
    waits = true
    await want('ready')
    page.after(machine.wait_until - page.now(), () => {
      waits = false
      settleState()
    })
  }

  /** There is a good token, and another one than `rev`. */
  const isFresh = (rev: string | null) =>
    machine.status === 'authenticated' &&
    machine.access &&
    machine.access.rev !== rev &&
    page.now() < machine.access.until

  /** Keeps what came beside the answer, and says what the machine has to know of it. */
  function learn(body: Body): Answer {
    const jar = readJar((sees_cookies && page.cookies()) || '', names).jar
    const token = bearer && typeof body.access === 'string' && body.access
    const rev = token ? `${++last}` : (jar.hint?.rev ?? null)
    const answer = answerOf(body, jar.person ?? machine.person, rev)
    if (token) tokens.set(rev, token)
    if (body.user) remember({ person: answer.person, user: body.user })
    return answer
  }

  function take(body: Body): State {
    if (!isSessionAnswer(body)) return state
    happen({ on: 'commit', answer: learn(body) })
    look()
    if (body.status === 'authenticated' && !machine.person) throw new SessionError('cookies_blocked')
    return state
  }

  // Other tabs, other times

  const tell = (message: Message) => channel?.tell(message)

  function tellRenewed(): void {
    const { status, person, access } = machine
    const serves_ms = !access || access.until === FOREVER ? null : access.until - page.now()
    const answer = { status, person, reason: null, rev: null, serves_ms }
    tell({ is: 'renewed', answer, token: tokens.get(access?.rev), user: state.user })
  }

  function hear(heard: unknown): void {
    const message = heard as Message
    look()
    if (message.is === 'ended') happen({ on: 'ended', person: message.person, reason: message.reason })
    if (message.is === 'needed' && isFresh(null) && [null, machine.person].includes(message.person)) tellRenewed()
    if (message.is !== 'renewed' || !message.token) return
    const { answer, token } = message
    const rev = `${++last}`
    tokens.set(rev, token)
    if (message.user) user = { person: answer.person, user: message.user }
    happen({ on: 'renewed', answer: { ...answer, rev } })
    peerAnswered()
  }

  function wake(network: boolean): void {
    look()
    if (!network) return
    happen({ on: 'online' })
    if (watched) known('ready')
    finishLeaving()
  }

  function remember(next: typeof user): void {
    user = next
    if (options.userCache !== false) page.write('tab', USER, next && JSON.stringify(next))
  }

  // Leaving

  async function signOut({ everywhere = false } = {}): Promise<void> {
    const { person } = machine
    if (everywhere) await want('fresh')
    look()
    if (machine.person !== person) throw new SessionError('identity_changed')
    const headers = credentials()
    page.write('browser', LEAVING, person && csrf)
    happen({ on: 'leave' })
    await leave(everywhere ? 'logout-all' : 'logout', headers)
  }

  async function leave(call: string, headers: Headers): Promise<void> {
    const { status = 0 } = (await post(call, headers)) ?? {}
    if (!status || status >= 500 || status === 429) throw new SessionError('auth_unavailable', { status })
    page.write('browser', LEAVING, null)
    look()
  }

  /** A logout that could not be said when it was meant. The CSRF token ties it to the session it was meant for. */
  function finishLeaving(): void {
    const left = page.read('browser', LEAVING)
    if (!left) return
    machine = { ...machine, over: personOf(left) }
    leave('logout', new Headers({ [header]: left })).catch(() => {})
  }

  if (options.userCache !== false) user = JSON.parse(page.read('tab', USER) ?? 'null')
  show()
  finishLeaving()
  look()

  return {
    get state() {
      return state
    },
    get csrfToken() {
      return csrf
    },
    fetch,
    url: urls.of,
    ready: () => known('ready'),
    ensureFresh: () => known('fresh'),
    refresh: () => known('renew'),
    signOut,
    on,
    subscribe(subscriber) {
      watched = true
      settleState()
      return on('change', () => subscriber())
    },
    async getAccessToken() {
      await want('fresh')
      return tokens.get(machine.access?.rev) ?? null
    },
    commit: async (answer) => take(await read(answer instanceof Response ? answer : Response.json(answer))),
    async profile() {
      if (state.status === 'AUTHENTICATED' && !state.user) await want('ready', true)
      return state.user
    },
    destroy() {
      sleep()
      channel?.close()
    },
  }
}
