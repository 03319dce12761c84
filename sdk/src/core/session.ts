// Carries out what the machine orders: sends, asks, settles, tells. It decides nothing.

import { answerOf, type Body, bodyOf, isSessionAnswer, verdictOf, waitOf } from './answers.ts'
import { type ErrorCode, SessionError } from './errors.ts'
import { personOf, readJar } from './jar.ts'
import { type Answer, hereIn, type Input, isFresh, type Message, start, step } from './machine.ts'
import { browserPlatform } from './platform.ts'
import type { Events, Options, Session, State, Status, User } from './types.ts'
import { urlsOf } from './urls.ts'

const ANSWER_MS = 8000
const PEERS_MS = 40
/** What a request goes out again for. */
const REPEATED = /_token|csrf_failed|with_body/
const SMALL = 65_536
const USER = 'perennial.user'

/** What goes from tab to tab. A token does so in bearer transport only, where every script of this origin could ask for one too. */
type Told = Message & { user: Known | null }

interface Known {
  person: string | null
  user: User
}

type Wish = 'ready' | 'fresh' | 'renew' | 'call' | 'open'

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
  const sees_cookies = new URL(name).origin === new URL(page.href).origin && page.cookies() !== null
  const events = new EventTarget()
  const waiting = new Map<number, Waiting>()
  let channel = page.channel(name, hear)
  const sleep = page.wakes(wake)

  let machine = start(transport)
  let state: State
  let shown: string
  let identity: string | null = null
  let csrf: string | null = null
  let user: Known | null = null
  let last = 0
  let watched = false
  let waits = false
  let peerAnswered = () => {}

  // What happened, and what follows from it

  function happen(input: Input): void {
    const [next, orders] = step(machine, input, page.now())
    machine = next
    for (const order of orders) {
      if (order.do === 'send') send(order.id)
      if (order.do === 'ask') ask(order.call, order.rev)
      if (order.do === 'tell') tell(order.message)
      if (order.do === 'settle') settle(order.id, order.as)
    }
    show()
  }

  function settle(id: number, as: ErrorCode | 'answer'): void {
    const { resolve, reject, response } = waiting.get(id) as Waiting
    waiting.delete(id)
    if (as === 'answer') return resolve(response)
    const retryAfter = Math.ceil((waitOf(response) ?? Math.max(0, machine.wait_until - page.now())) / 1000)
    reject(
      new SessionError(as, { reason: machine.reason as State['reason'], status: response?.status ?? 0, retryAfter }),
    )
  }

  /** Reads the cookies: whoever is in them is who acts. */
  function look(): void {
    if (!sees_cookies) return
    const { csrf: seen, ...jar } = readJar(page.cookies() ?? '', names)
    csrf = seen
    happen({ on: 'look', jar })
  }

  function show(): void {
    const { person, reason, failures } = machine
    const status = machine.status.toUpperCase() as Status
    const known = user && user.person === person && status === 'AUTHENTICATED' ? user.user : null
    const next = { status, sessionKey: person, user: known, reason, stale: failures > 0 } as State
    const text = JSON.stringify([next, csrf])
    if (text === shown) return
    const previous = state
    const from = identity
    shown = text
    state = next
    identity = hereIn(machine) ?? from
    if (from !== null && from !== identity) {
      if (user?.person !== person) remember(null)
      emit('identity', { from: from || null, to: person })
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

  function want(kind: Wish, needs_csrf: boolean, person: string | null, request?: Request, once = false) {
    const id = ++last
    const signal = request?.signal
    return new Promise<Response | undefined>((resolve, reject) => {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', () => giveUp(id, signal.reason))
      waiting.set(id, { request, open: kind === 'open', once, resolve, reject })
      happen({ on: 'want', id, kind, person, needs_csrf })
    })
  }

  const known = async (kind: Wish) => {
    look()
    await want(kind, false, null)
    return state
  }

  function giveUp(id: number, error: unknown): void {
    waiting.get(id)?.reject(error)
    if (waiting.delete(id)) happen({ on: 'abort', id })
  }

  const token = () => (bearer && machine.rev) || null

  /** Whoever is in the jar by now, the service is told whose page this is. */
  function credentials(headers = new Headers(), open = true): Headers {
    const { person } = machine
    if (token()) headers.set('authorization', `Bearer ${token()}`)
    if (open || !bearer) {
      const own = personOf(csrf) === person ? csrf : person && `${person}.`
      if (own) headers.set(header, own)
    }
    return headers
  }

  async function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    const url = new URL(request.url)
    const open = urls.isOpen(url)
    if (!open && !urls.isApi(url)) return page.fetch(request)
    // Whoever's page this is, it is theirs: a request of somebody who has left does not become the next one's.
    const person = hereIn(machine)
    look()
    const needs_csrf = !bearer && !csrf && !/GET|HEAD|OPTIONS/.test(request.method)
    const once = init?.body instanceof ReadableStream
    return (await want(open ? 'open' : 'call', needs_csrf, person, request, once)) as Response
  }

  async function send(id: number): Promise<void> {
    const wish = waiting.get(id)
    if (!wish?.request) return
    const { once, open, request } = wish
    try {
      const copy = once ? request : request.clone()
      credentials(copy.headers, open)
      const response = await (open ? toService(new URL(copy.url).pathname, copy) : page.fetch(copy))
      const { status, headers } = response
      const matters = open || status > 400 || (!bearer && Number(headers.get('content-length') ?? SMALL) < SMALL)
      const body = matters ? await read(response) : {}
      const is = verdictOf(body) ?? (bearer && status === 401 ? 'invalid_token' : 'fine')
      wish.response = response
      if (open) take(body)
      if (is !== 'session_ended') look()
      happen({
        on: 'answer',
        id,
        is: once && REPEATED.test(is) ? 'fine' : is,
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

  function toService(call: string, request: Request): Promise<Response> {
    emit('request', { call })
    return page.fetch(request, { credentials: 'include' })
  }

  /** Nothing where nothing came. */
  async function post(call: string, headers?: Headers): Promise<Response | undefined> {
    const request = new Request(urls.of(call), { method: 'POST', headers, signal: AbortSignal.timeout(ANSWER_MS) })
    return page.online() ? toService(call, request).catch(() => undefined) : undefined
  }

  async function ask(call: 'session' | 'token', rev: string | null): Promise<void> {
    // What else was ordered goes first.
    const since = await page.now()
    happen(await page.alone(name, () => question(call, rev, since)))
    look()
  }

  async function question(call: 'session' | 'token', rev: string | null, since: number): Promise<Input> {
    const has = () => isFresh(machine, rev, page.now())
    let response: Response | undefined
    look()
    // Who has no token may be given one. Who waited for the lock is about to hear of one.
    if (bearer && channel && !has() && (rev === null || page.now() - since > 5)) {
      if (rev === null) tell({ on: 'needed', person: machine.person })
      await new Promise<void>((then) => {
        peerAnswered = then
        page.after(PEERS_MS, then)
      })
    }
    const had = has()
    if (!had) response = await post(call, call === 'token' ? credentials() : undefined)
    const body = response ? await read(response) : {}
    const answer = isSessionAnswer(body) ? learn(body) : null
    const is = had || answer ? 'fine' : (verdictOf(body) ?? 'auth_unavailable')
    const chance = Math.floor(page.random() * 1000)
    return { on: 'reply', is, answer, reason: body.reason ?? null, wait_ms: waitOf(response), chance }
  }

  /** While somebody watches, a state that is not known is asked for until it is. */
  async function settleState(): Promise<void> {
    if (waits || !watched || machine.status !== 'loading') return
    waits = true
    await known('ready')
    page.after(machine.wait_until - page.now(), () => {
      waits = false
      settleState()
    })
  }

  /** Keeps who it is, and says what the machine has to know. */
  function learn(body: Body): Answer {
    const answer = answerOf(body, machine.person, (bearer && body.access) || null)
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

  const tell = (message: Message) => channel?.postMessage({ ...message, user })

  function hear(heard: unknown): void {
    const { user: theirs, ...message } = heard as Told
    if (theirs && message.on === 'renewed') user = theirs
    look()
    happen(message as Message)
    look()
    if (message.on === 'renewed') peerAnswered()
  }

  function wake(network: boolean): void {
    look()
    if (!network) return
    happen({ on: 'online' })
    if (watched) known('ready')
  }

  function remember(next: typeof user): void {
    user = next
    if (options.userCache !== false) page.write(USER, next)
  }

  async function signOut({ everywhere = false } = {}): Promise<void> {
    const { person } = machine
    if (everywhere) await known('fresh')
    look()
    if (machine.person !== person) throw new SessionError('identity_changed')
    const headers = credentials()
    happen({ on: 'leave' })
    const response = await post(everywhere ? 'logout-all' : 'logout', headers)
    look()
    if (!response?.ok) throw new SessionError('auth_unavailable')
  }

  if (options.userCache !== false) user = page.read(USER) as typeof user
  show()
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
      await known('fresh')
      return token()
    },
    commit: async (answer) => take(await read(answer instanceof Response ? answer : Response.json(answer))),
    profile: async () => state.user ?? (await known('renew')).user,
    destroy() {
      sleep()
      channel?.close()
      channel = null
    },
  }
}
