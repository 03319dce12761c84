// A session whose state the test writes: what the adapters see of one, and nothing of how the core gets there.

import type { Events, Session, State, Status } from '../../src/core/types.ts'
import { SessionError } from '../../src/index.ts'

export interface Pretended {
  session: Session
  /** Somebody is here now; `null` is nobody. In the order of the contract: identity, change, subscribers. */
  become(status: Status, sessionKey?: string | null): void
  tell<Name extends keyof Events>(name: Name, detail: Events[Name]): void
  csrf(token: string): void
  /** What `fetch` does next. */
  answers: (request: Request) => Promise<Response> | Response
  /** What left through `fetch`, and who was here then. */
  sent: { request: Request; as: string | null }[]
  /** How often somebody who subscribed or waited found nothing known. */
  questions: number
  subscribers: number
}

export const stateOf = (status: Status, sessionKey: string | null = null, more: object = {}): State =>
  Object.freeze({ status, sessionKey, user: null, reason: null, stale: false, ...more }) as State

export function pretend(status: Status = 'UNAUTHENTICATED', sessionKey: string | null = null): Pretended {
  let state = stateOf(status, sessionKey)
  let csrfToken: string | null = null
  const subscribers = new Set<() => void>()
  const listeners: Partial<Record<keyof Events, Set<(detail: never) => void>>> = {}
  const asked = (): void => {
    if (state.status === 'LOADING') pretended.questions += 1
  }
  const session = {
    get state() {
      return state
    },
    get csrfToken() {
      return csrfToken
    },
    subscribe(listener: () => void) {
      asked()
      subscribers.add(listener)
      pretended.subscribers = subscribers.size
      return () => {
        subscribers.delete(listener)
        pretended.subscribers = subscribers.size
      }
    },
    async ready() {
      asked()
      return state
    },
    async fetch(input: RequestInfo | URL, init?: RequestInit) {
      const request = new Request(input, init)
      const as = state.sessionKey
      pretended.sent.push({ request, as })
      const response = await pretended.answers(request)
      request.signal.throwIfAborted()
      if (as !== state.sessionKey) throw new SessionError('identity_changed')
      return response
    },
    on(name: keyof Events, listener: (detail: never) => void) {
      const those = listeners[name] ?? new Set()
      listeners[name] = those.add(listener)
      return () => those.delete(listener)
    },
  } as unknown as Session
  const pretended: Pretended = {
    session,
    become(status, sessionKey = null) {
      const previous = state
      state = stateOf(status, sessionKey)
      if (previous.sessionKey !== sessionKey) pretended.tell('identity', { from: previous.sessionKey, to: sessionKey })
      pretended.tell('change', { state, previous })
      for (const subscriber of subscribers) subscriber()
    },
    tell(name, detail) {
      for (const listener of listeners[name] ?? []) listener(detail as never)
    },
    csrf(token) {
      csrfToken = token
      for (const subscriber of subscribers) subscriber()
    },
    answers: () => Response.json({ ok: true }),
    sent: [],
    questions: 0,
    subscribers: 0,
  }
  return pretended
}
