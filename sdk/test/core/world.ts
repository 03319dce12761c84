// A browser with tabs on one jar, and a service that answers as the real one does. No clock and no network of its own.

import type { Options, Platform, Session } from '../../src/index.ts'
import { createSession } from '../../src/index.ts'

export const ORIGIN = 'https://app.test'

type Answer = () => Response | Promise<Response>

export class World {
  now: number = 1000
  online: boolean = true
  cookies: Record<string, string> = {}
  requests: { call: string; headers: Headers; person: string | null }[] = []
  /** What the next requests for a path are answered, instead of what the service would say. */
  answers: Record<string, Answer[]> = {}
  /** Held until let go, by path. */
  held: { path: string; go: () => void }[] = []
  hold: string | null = null
  locks: boolean = true
  channels: boolean = true
  storage: boolean = true
  transport: 'cookie' | 'bearer' = 'cookie'
  /** What the HttpOnly cookies say. */
  jar: { person: string; access: boolean } | null = null
  over: Map<string, string> = new Map()
  bearers: Map<string, { person: string; until: number }> = new Map()
  #rev = 0
  #channels = new Map<string, Set<(message: unknown) => void>>()
  #lock: Promise<unknown> = Promise.resolve()
  timers: { at: number; then: () => void }[] = []

  logIn(person: string, access = true): void {
    this.jar = { person, access }
    this.#show()
  }

  /** As the service does: the hint and the CSRF cookie say whose the other cookies are. */
  #show(): void {
    this.cookies = {}
    if (!this.jar) return
    this.cookies['__Host-csrftoken'] = `${this.jar.person}.tag`
    if (this.jar.access) this.cookies['__Host-auth_hint'] = `authenticated.${this.jar.person}.${this.nextRev()}`
  }

  nextRev(): number {
    this.#rev += 1
    return this.#rev
  }

  expireAccess(): void {
    if (this.jar) this.jar.access = false
    delete this.cookies['__Host-auth_hint']
    this.bearers.clear()
  }

  end(person: string, reason: string): void {
    this.over.set(person, reason)
  }

  count(call: string): number {
    return this.requests.filter((request) => request.call === call).length
  }

  async settle(): Promise<void> {
    await new Promise((then) => setTimeout(then, 10))
    for (let turn = 0; turn < 40; turn += 1) {
      await new Promise((then) => setImmediate(then))
      const due = this.timers.filter(({ at }) => at <= this.now)
      this.timers = this.timers.filter(({ at }) => at > this.now)
      for (const { then } of due) then()
    }
  }

  async pass(ms: number): Promise<void> {
    this.now += ms
    await this.settle()
  }

  tab(options: Options = {}, own: Partial<Platform> = {}): Session & { wake(network?: boolean): void } {
    const wakers = new Set<(network: boolean) => void>()
    const tab_storage = new Map<string, unknown>()
    const platform: Platform = {
      fetch: (input, init) => this.#fetch(new Request(input, init)),
      href: `${ORIGIN}/page`,
      cookies: () =>
        Object.entries(this.cookies)
          .map(([name, value]) => `${name}=${value}`)
          .join('; '),
      now: () => this.now,
      random: () => 0.5,
      after: (ms, then) => {
        // The short wait for other tabs passes by itself; what is longer waits for `pass`.
        if (ms <= 40) setTimeout(then, 5)
        else this.timers.push({ at: this.now + ms, then })
      },
      online: () => this.online,
      alone: async (_, work) => {
        if (!this.locks) return work()
        const turn = this.#lock.then(() => {
          this.now += 10
          return work()
        })
        this.#lock = turn.catch(() => {})
        return turn
      },
      channel: (name, heard) => {
        if (!this.channels) return null
        const all = this.#channels.get(name) ?? new Set()
        this.#channels.set(name, all.add(heard))
        return {
          postMessage: (message) => {
            for (const other of all)
              if (other !== heard) setImmediate(() => all.has(other) && other(structuredClone(message)))
          },
          close: () => void all.delete(heard),
        }
      },
      read: (name) => (this.storage ? (tab_storage.get(name) ?? null) : null),
      write: (name, value) => void tab_storage.set(name, value),
      wakes: (then) => {
        wakers.add(then)
        return () => wakers.delete(then)
      },
    }
    const session = createSession({ transport: this.transport, platform: { ...platform, ...own }, ...options })
    return Object.assign(session, {
      wake: (network = false) => {
        for (const then of wakers) then(network)
      },
    })
  }

  async #fetch(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname
    const call = path.replace('/auth/', '')
    this.requests.push({ call, headers: request.headers, person: this.jar?.person ?? null })
    if (!this.online) throw new TypeError('Failed to fetch')
    if (this.hold === path) await new Promise<void>((go) => this.held.push({ path, go }))
    request.signal.throwIfAborted()
    const answer = this.answers[path]?.shift()
    if (answer) return answer()
    if (path.startsWith('/auth/')) return this.#service(call, request)
    return this.#api(request)
  }

  #service(call: string, request: Request): Response {
    const refusal = this.#identity(request)
    if (refusal) return refusal
    if (call === 'logout') {
      if (this.jar) this.over.set(this.jar.person, 'logout')
      this.jar = null
      this.#show()
      return new Response(null, { status: 204 })
    }
    const { jar } = this
    if (!jar) {
      if (call === 'token') return problem(401, 'not_authenticated')
      this.cookies.csrftoken = 'anon.nonce.tag'
      return json({
        status: 'unauthenticated',
        is_authenticated: false,
        csrf_token: 'anon.nonce.tag',
        ended_reason: null,
        session_key: null,
      })
    }
    const reason = this.over.get(jar.person)
    if (reason) {
      this.jar = null
      this.#show()
      if (call === 'token') return problem(401, 'session_ended', { reason })
      return json({ status: 'unauthenticated', is_authenticated: false, ended_reason: reason, session_key: null })
    }
    jar.access = true
    this.#show()
    return json(this.answer(jar.person))
  }

  answer(person: string): object {
    const access = this.transport === 'bearer' ? this.mint(person) : undefined
    const user = { id: `user of ${person}` }
    return {
      status: 'authenticated',
      is_authenticated: true,
      session_key: person,
      user,
      expires_in: 900,
      csrf_token: `${person}.tag`,
      access,
    }
  }

  mint(person: string): string {
    const token = `token ${this.nextRev()} of ${person}`
    this.bearers.set(token, { person, until: this.now + 900_000 })
    return token
  }

  #api(request: Request): Response {
    const bearer = request.headers.get('authorization')?.slice('Bearer '.length)
    if (this.transport === 'bearer') {
      const good = bearer ? this.bearers.get(bearer) : undefined
      if (!good || good.until < this.now) return new Response('no', { status: 401 })
      return json({ by: good.person })
    }
    const refusal = this.#identity(request)
    if (refusal) return refusal
    if (!this.jar) return problem(401, 'not_authenticated')
    const reason = this.over.get(this.jar.person)
    if (reason) return problem(401, 'session_ended', { reason })
    if (!this.jar.access) {
      this.jar.access = true
      this.#show()
    }
    return json({ by: this.jar.person })
  }

  #identity(request: Request): Response | null {
    const person = request.headers.get('x-csrftoken')?.split('.')[0]
    if (!person || person === 'anon' || !this.jar || person === this.jar.person) return null
    this.#show()
    return problem(409, 'identity_changed', { csrf_token: `${this.jar.person}.tag` })
  }
}

export const json = (body: object, status = 200, headers: HeadersInit = {}): Response =>
  Response.json(body, { status, headers: { 'content-type': 'application/json', ...headers } })

export const problem = (status: number, code: string, more: object = {}, headers: HeadersInit = {}): Response =>
  json({ type: `urn:perennial:problem:${code}`, code, ...more }, status, {
    'content-type': 'application/problem+json',
    ...headers,
  })
