// What a session client does next. Pure: what was seen and heard, the time and chance come in, orders go out.
//
// `protocol::client` says the same in Rust, and the transcripts of `conformance/machine` hold both to each other.

export type Phase =
  | 'loading'
  | 'authenticated'
  | 'mfa_verify_required'
  | 'mfa_setup_required'
  | 'verify_email_required'
  | 'unauthenticated'

/** What the readable cookies say: the CSRF cookie whose jar it is, the hint how far that person got. */
export interface Jar {
  person: string | null
  /** Of the hint; `null` where there is none. */
  status: Phase | 'ended' | null
  /** With `authenticated` the person, with `ended` the reason. */
  of: string | null
  rev: string | null
}

/** A session answer: who is here from now on, and the access token that came along. */
export interface Answer {
  status: Phase
  person: string | null
  reason: string | null
  /** The token itself in bearer transport. In cookie transport no page sees it, and the hint's revision stands for it. */
  rev: string | null
  /** How long that token serves, counted from the question. `null`: until somebody refuses it. */
  serves_ms: number | null
}

/**
 * What an answer says about the session: nothing (`fine`), or one of the service's codes. `invalid_token` stands for
 * every token that somebody would not take. Codes that are none of these are the app's to read.
 */
export type Verdict =
  | 'fine'
  | 'invalid_token'
  | 'stale_token'
  | 'session_ended'
  | 'csrf_failed'
  | 'identity_changed'
  | 'retry_with_body'
  | 'auth_unavailable'

export type Input =
  /** Before everything that depends on whose jar this is. */
  | { on: 'look'; jar: Jar }
  /** `person` is whose page it was that asked: `''` nobody's, `null` where that is not known yet. */
  | { on: 'want'; id: number; kind: Kind | 'renew'; person: string | null; needs_csrf: boolean }
  /** To a request of the app. */
  | { on: 'answer'; id: number; is: Verdict; reason: string | null }
  /** To a question. Without an answer it was no longer necessary; `chance` is of 0 to 999. */
  | { on: 'reply'; is: Verdict; answer: Answer | null; reason: string | null; wait_ms: number | null; chance: number }
  /** The app was answered, by a login for example. */
  | { on: 'commit'; answer: Answer }
  | Message
  | { on: 'abort'; id: number }
  | { on: 'leave' }
  | { on: 'online' }

/** From tab to tab: a session is over, there is a new token, a token is needed. */
export type Message =
  | { on: 'ended'; person: string; reason: string }
  | { on: 'renewed'; answer: Answer }
  | { on: 'needed'; person: string | null }

export type Order =
  | { do: 'send'; id: number }
  /** `rev` is the token that no longer serves: whoever holds another one need not ask. */
  | { do: 'ask'; call: Ask; rev: string | null }
  | { do: 'settle'; id: number; as: Outcome }
  | { do: 'tell'; message: Message }

/** `ready`: a state that is known; `fresh`: an access token that is good; `call`: a request of the app; `open`: one that needs no session. */
type Kind = 'ready' | 'fresh' | 'call' | 'open'
type Ask = 'session' | 'token'
type Outcome = 'answer' | 'session_ended' | 'identity_changed' | 'auth_unavailable'

interface Wish {
  id: number
  kind: Kind
  person: string | null
  sent: boolean
  rev: string | null
  needs_csrf: boolean
  /** What it was sent again for. */
  done: Verdict[]
  /** How many questions were answered while it waited. */
  replies: number
}

interface Question {
  call: Ask
  person: string | null
  since: number
  done: Verdict[]
}

export interface Machine {
  transport: 'cookie' | 'bearer'
  status: Phase
  person: string | null
  reason: string | null
  /** Whose sessions ended. They never come back, whatever arrives late. */
  over: string[]
  /** The access token, and how long it serves. */
  rev: string | null
  until: number
  /** A new token that was refused like the one before: renewing does not help. */
  futile: string
  question: Question | null
  /** How often nothing was learnt in a row, and when to ask again. */
  failures: number
  wait_until: number
  wishes: Wish[]
}

/** Some thirty years. */
const FOREVER = 1e12
const REPLIES = 3
const LEEWAY_MS = 10_000
const LEEWAY_SHARE = 5
const BACKOFF_MS = 1000
const BACKOFF_MAX_MS = 60_000

export const start = (transport: 'cookie' | 'bearer'): Machine => ({
  transport,
  status: 'loading',
  person: null,
  reason: null,
  over: [],
  rev: null,
  until: 0,
  futile: '',
  question: null,
  failures: 0,
  wait_until: 0,
  wishes: [],
})

export function step(before: Machine, input: Input, now: number): [Machine, Order[]] {
  const machine = structuredClone(before)
  const orders: Order[] = []
  take()
  for (const wish of [...machine.wishes]) advance(wish)
  return [machine, orders]

  function take(): void {
    const { wishes, question, person } = machine
    const { on } = input
    if (on === 'look') look(input.jar)
    if (on === 'want') {
      const { id, kind, person, needs_csrf } = input
      // What is being asked already is news enough.
      if (kind === 'renew' && !question) machine.until = 0
      const nothing = { sent: false, rev: null, done: [], replies: 0 }
      wishes.push({ id, kind: kind === 'renew' ? 'fresh' : kind, person, needs_csrf, ...nothing })
    }
    if (on === 'answer') for (const wish of wishes) if (wish.id === input.id) answered(wish, input)
    if (on === 'reply' && question) {
      machine.question = null
      // Asked for somebody who has left since, nothing of it counts.
      if (question.person === person) replied(question, input)
    }
    if (on === 'commit') learnt(input.answer, now)
    if (on === 'ended') end(input.person, input.reason)
    if (on === 'renewed') {
      if (person === input.answer.person || (!person && machine.status === 'loading')) adopt(input.answer, now)
      else machine.status = 'loading'
    }
    if (on === 'needed' && isFresh(machine, null, now) && (!input.person || input.person === person)) tellRenewed()
    if (on === 'abort') machine.wishes = wishes.filter(({ id }) => id !== input.id)
    if (on === 'leave') endHere('logout')
    if (on === 'online') machine.wait_until = 0
  }

  /** Brings memory in line with the cookies. Only where the two contradict each other there is something to ask. */
  function look({ person, status, of, rev }: Jar): void {
    const isOver = (key: string | null) => machine.over.includes(key ?? '')
    const here = isOver(person) ? null : person
    const known = here === machine.person && machine.status === 'authenticated'
    if (status && status !== 'authenticated' && status !== 'ended') become(status, here)
    else if (!here && (status !== 'authenticated' || isOver(of)))
      become('unauthenticated', null, status === 'ended' ? of : machine.person ? 'unknown' : machine.reason)
    else if (here && status === 'authenticated' && of === here) {
      become(status, here)
      if (machine.transport === 'cookie' && rev !== machine.rev) Object.assign(machine, { rev, until: FOREVER })
    } else if (status || !known) become('loading', here)
    // The hint lives as long as the newest token, so it says when one ended that did not say itself how long it serves.
    else if (machine.transport === 'cookie' || machine.until > FOREVER / 2) machine.until = 0
  }

  function become(status: Phase, person: string | null, reason: string | null = null): void {
    if (person !== machine.person) Object.assign(machine, { rev: null, until: 0, futile: '' })
    Object.assign(machine, { status, person, reason })
  }

  /** Takes over what the service said, unless it speaks of somebody who has ended here since. */
  function adopt({ status, person, reason, rev, serves_ms }: Answer, asked: number): void {
    machine.failures = machine.wait_until = 0
    if (machine.over.includes(person ?? '')) return become('unauthenticated', null, machine.reason)
    become(status, person, reason)
    const serves = serves_ms ?? FOREVER
    machine.rev = rev
    // In bearer transport an answer without a token is none to go on with.
    if (rev || machine.transport === 'cookie')
      machine.until = asked + serves - Math.min(LEEWAY_MS, Math.floor(serves / LEEWAY_SHARE))
    else machine.until = 0
  }

  function learnt(answer: Answer, asked: number): void {
    adopt(answer, asked)
    tellRenewed()
  }

  function tellRenewed(): void {
    const { status, person, rev, until } = machine
    const answer = { status, person, reason: null, rev, serves_ms: until - now }
    orders.push({ do: 'tell', message: { on: 'renewed', answer } })
  }

  function end(person: string | null, reason: string): void {
    if (person) machine.over.push(person)
    if (person !== machine.person) return
    machine.failures = machine.wait_until = 0
    become('unauthenticated', null, reason)
  }

  function endHere(reason: string): void {
    const { person } = machine
    if (person) orders.push({ do: 'tell', message: { on: 'ended', person, reason } })
    end(person, reason)
  }

  /** A request that was refused before it could do anything goes out once more; everything else is settled. */
  function answered(wish: Wish, { is, reason }: Input & { on: 'answer' }): void {
    const { futile } = machine
    const { done, rev, id } = wish
    const first = !done.includes(is)
    let again = first && (is === 'stale_token' || is === 'retry_with_body' || is === 'csrf_failed')
    if (is === 'invalid_token' && !first) machine.futile = rev ?? ''
    if (is === 'invalid_token' && first && wish.kind === 'call' && wish.person && futile !== rev) {
      again = true
      if (machine.rev === rev) machine.until = 0
    }
    // The first time the cookie has the right one already; the second time only the service can know.
    if (is === 'csrf_failed' && !first && done.indexOf(is) === done.lastIndexOf(is)) again = wish.needs_csrf = true
    done.push(is)
    wish.sent = !again
    if (again) return
    if (wish.person === hereIn(machine)) {
      // The cookies were looked at before: if they name the same person still, they are crossed with another login's.
      if (is === 'identity_changed') machine.status = 'loading'
      if (is === 'session_ended') endHere(reason ?? 'unknown')
    }
    if (is === 'stale_token') settle(id, 'auth_unavailable')
    else settle(id, is === 'session_ended' || is === 'identity_changed' || is === 'auth_unavailable' ? is : 'answer')
  }

  function replied({ call, done, person, since }: Question, reply: Input & { on: 'reply' }): void {
    const { is, answer, reason, wait_ms, chance } = reply
    if (is === 'session_ended' || (person && answer?.status === 'unauthenticated'))
      return endHere(reason ?? answer?.reason ?? 'unknown')
    if (is === 'fine') {
      for (const wish of machine.wishes) {
        wish.needs_csrf = false
        if (!wish.sent) wish.replies += 1
      }
      if (answer) learnt(answer, since)
    } else if ((is === 'stale_token' || is === 'csrf_failed') && !done.includes(is)) {
      ask(call, [...done, is], since)
    } else if (call === 'token' && (is === 'csrf_failed' || is === 'identity_changed' || is === 'invalid_token')) {
      // `POST session` needs neither a good token nor a CSRF token, and its answer is definite.
      ask('session', done, since)
    } else {
      const spread = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** machine.failures++)
      machine.wait_until = now + Math.max(wait_ms ?? 0, BACKOFF_MS / 2 + (spread / 1000) * chance)
    }
  }

  function ask(call: Ask, done: Verdict[] = [], since: number = now): void {
    machine.question = { call, person: machine.person, since, done }
    orders.push({ do: 'ask', call, rev: machine.rev })
  }

  /** Sends what may go, asks what has to be known first, and settles what can come to nothing. */
  function advance(wish: Wish): void {
    const { id, kind } = wish
    const here = hereIn(machine)
    wish.person ??= here
    if (kind === 'call' && wish.person !== here && (wish.person || (!wish.sent && here)))
      return settle(id, here ? 'identity_changed' : 'session_ended')
    if (wish.sent) return
    const call = needed(wish)
    if (!call) {
      if (kind === 'ready' || kind === 'fresh') return settle(id, 'answer')
      wish.sent = true
      wish.rev = machine.rev
      orders.push({ do: 'send', id })
    } else if (!machine.question) {
      if (now < machine.wait_until || wish.replies >= REPLIES)
        return settle(id, kind === 'ready' ? 'answer' : 'auth_unavailable')
      ask(call)
    }
  }

  /** What has to be asked before this wish can go on. */
  function needed({ kind, needs_csrf, done }: Wish): Ask | null {
    const { transport, status } = machine
    if (needs_csrf) return 'session'
    // Behind the gateway a call is renewed on its way.
    if (kind === 'open' || (kind === 'call' && transport === 'cookie' && !done.includes('invalid_token'))) return null
    if (status === 'loading') return 'session'
    if (status !== 'authenticated' || kind === 'ready') return null
    return isFresh(machine, null, now) ? null : 'token'
  }

  function settle(id: number, as: Outcome): void {
    machine.wishes = machine.wishes.filter((wish) => wish.id !== id)
    orders.push({ do: 'settle', id, as })
  }
}

/** Who is here: `''` nobody, `null` where it is not known. */
export const hereIn = ({ person, status }: Machine): string | null => person ?? (status === 'loading' ? null : '')

/** There is a good token, and another one than `rev`. */
export function isFresh(machine: Machine, rev: string | null, now: number): boolean {
  return machine.status === 'authenticated' && now < machine.until && !(rev && rev === machine.rev)
}
