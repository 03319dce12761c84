//! What a session client does next. Pure: what was seen and heard, the time and chance come in, orders go out.
//!
//! `protocol::client` says the same in Rust, and the transcripts of `conformance/machine` hold both to each other.
//! No token comes in here: an access token is known by its revision alone.

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
  hint: Hint | null
}

export interface Hint {
  status: Phase | 'ended'
  person: string | null
  rev: string | null
  reason: string | null
}

/** A session answer: who is here from now on, and the revision of the access token that came along. */
export interface Answer {
  status: Phase
  person: string | null
  reason: string | null
  rev: string | null
  /** How long that token serves, counted from the question. `null`: until somebody refuses it. */
  serves_ms: number | null
}

/** What an answer says about the session. */
export type Verdict = 'fine' | 'refused' | 'stale' | 'ended' | 'csrf' | 'identity' | 'body' | 'unavailable'

export type Input =
  /** Before everything that depends on whose jar this is. */
  | { on: 'look'; jar: Jar }
  | { on: 'want'; id: number; kind: Kind | 'renew'; needs_csrf: boolean }
  /** To a request of the app. */
  | { on: 'answer'; id: number; is: Verdict; reason: string | null }
  /** To a question. Without an answer it was no longer necessary; `chance` is of 0 to 999. */
  | { on: 'reply'; is: Verdict; answer: Answer | null; reason: string | null; wait_ms: number | null; chance: number }
  /** The app was answered, by a login for example. */
  | { on: 'commit'; answer: Answer }
  /** Another tab was told that a session is over, or has a new token for it. */
  | { on: 'ended'; person: string; reason: string }
  | { on: 'renewed'; answer: Answer }
  | { on: 'abort'; id: number }
  | { on: 'leave' }
  | { on: 'online' }

export type Order =
  | { do: 'send'; id: number }
  /** `rev` is the token that no longer serves: whoever holds another one need not ask. */
  | { do: 'ask'; call: Ask; rev: string | null }
  | { do: 'settle'; id: number; as: Outcome }
  | { do: 'tell_ended'; person: string; reason: string }
  | { do: 'tell_renewed' }

/** `ready`: a state that is known; `fresh`: an access token that is good; `call`: a request of the app; `open`: one that needs no session. */
type Kind = 'ready' | 'fresh' | 'call' | 'open'
type Ask = 'session' | 'token'
type Outcome = 'answer' | 'session_ended' | 'identity_changed' | 'auth_unavailable'

interface Wish {
  id: number
  kind: Kind
  /** Whose it is; not `bound` until it is known who is here. */
  person: string | null
  bound: boolean
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
  /** Whose session ended here. It never comes back, whatever arrives late. */
  over: string | null
  access: { rev: string | null; until: number } | null
  /** A new token that was refused like the one before: renewing does not help. */
  futile: string | null
  question: Question | null
  /** How often nothing was learnt in a row, and when to ask again. */
  failures: number
  wait_until: number
  wishes: Wish[]
}

export const FOREVER: number = Number.MAX_SAFE_INTEGER
const WISHES = 1000
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
  over: null,
  access: null,
  futile: null,
  question: null,
  failures: 0,
  wait_until: 0,
  wishes: [],
})

export function step(before: Machine, input: Input, now: number): [Machine, Order[]] {
  const machine = structuredClone(before)
  const orders: Order[] = []
  take(machine, input, now, orders)
  for (const wish of [...machine.wishes]) advance(machine, wish, now, orders)
  return [machine, orders]
}

function take(machine: Machine, input: Input, now: number, orders: Order[]): void {
  const { wishes, access, question, person } = machine
  const { on } = input
  if (on === 'look') look(machine, input.jar)
  if (on === 'want') {
    const { id, kind, needs_csrf } = input
    // What is being asked already is news enough.
    if (kind === 'renew' && access && !question) access.until = 0
    const nothing = { person: null, bound: false, sent: false, rev: null, done: [], replies: 0 }
    wishes.push({ id, kind: kind === 'renew' ? 'fresh' : kind, needs_csrf, ...nothing })
    if (wishes.length > WISHES) settle(machine, id, 'auth_unavailable', orders)
  }
  if (on === 'answer') for (const wish of wishes) if (wish.id === input.id) answered(machine, wish, input, orders)
  if (on === 'reply' && question) {
    machine.question = null
    // Asked for somebody who has left since, nothing of it counts.
    if (question.person === person) replied(machine, question, input, now, orders)
  }
  if (on === 'commit') learnt(machine, input.answer, now, orders)
  if (on === 'ended' && input.person === person) end(machine, input.reason)
  if (on === 'renewed') {
    if (!person || person === input.answer.person) adopt(machine, input.answer, now)
    else machine.status = 'loading'
  }
  if (on === 'abort') machine.wishes = wishes.filter(({ id }) => id !== input.id)
  if (on === 'leave') endHere(machine, 'logout', orders)
  if (on === 'online') machine.wait_until = 0
}

/** Brings memory in line with the cookies. Only where the two contradict each other there is something to ask. */
function look(machine: Machine, { person, hint }: Jar): void {
  const { access, over, status, transport } = machine
  const here = person === over ? null : person
  const cookie = transport === 'cookie'
  const known = here === machine.person && status === 'authenticated'
  if (hint && hint.status !== 'authenticated' && hint.status !== 'ended') become(machine, hint.status, here)
  else if (!here)
    become(machine, 'unauthenticated', null, hint?.reason ?? (machine.person ? 'unknown' : machine.reason))
  else if (hint?.status === 'authenticated' && hint.person === here) {
    become(machine, 'authenticated', here)
    if (cookie && hint.rev !== machine.access?.rev) machine.access = { rev: hint.rev, until: FOREVER }
  } else if (hint || !known) become(machine, 'loading', here)
  else if (cookie && access) access.until = 0
}

function become(machine: Machine, status: Phase, person: string | null, reason: string | null = null): void {
  if (person !== machine.person) machine.access = machine.futile = null
  machine.status = status
  machine.person = person
  machine.reason = reason
}

/** Takes over what the service said, unless it speaks of somebody who has ended here since. */
function adopt(machine: Machine, { status, person, reason, rev, serves_ms }: Answer, asked: number): void {
  if (person && person === machine.over) return become(machine, 'unauthenticated', null, machine.reason)
  become(machine, status, person, reason)
  const until =
    serves_ms === null ? FOREVER : asked + serves_ms - Math.min(LEEWAY_MS, Math.floor(serves_ms / LEEWAY_SHARE))
  machine.access = status === 'authenticated' && (rev || machine.transport === 'cookie') ? { rev, until } : null
}

function learnt(machine: Machine, answer: Answer, asked: number, orders: Order[]): void {
  machine.failures = machine.wait_until = 0
  adopt(machine, answer, asked)
  orders.push({ do: 'tell_renewed' })
}

function end(machine: Machine, reason: string | null): void {
  machine.over = machine.person ?? machine.over
  become(machine, 'unauthenticated', null, reason)
}

function endHere(machine: Machine, reason: string, orders: Order[]): void {
  if (machine.person) orders.push({ do: 'tell_ended', person: machine.person, reason })
  end(machine, reason)
}

/** A request that was refused before it could do anything goes out once more; everything else is settled. */
function answered(machine: Machine, wish: Wish, { is, reason }: Input & { on: 'answer' }, orders: Order[]): void {
  const { access, futile, person } = machine
  const { done, rev, id, kind } = wish
  const first = !done.includes(is)
  let again = first && (is === 'stale' || is === 'body' || is === 'csrf')
  if (is === 'refused' && !first) machine.futile = rev
  if (is === 'refused' && first && kind === 'call' && wish.person && !(futile && futile === rev)) {
    again = true
    if (access?.rev === rev && access) access.until = 0
  }
  // The first time the cookie has the right one already; the second time only the service can know.
  if (is === 'csrf' && !first && done.indexOf(is) === done.lastIndexOf(is)) again = wish.needs_csrf = true
  done.push(is)
  wish.sent = !again
  if (again) return
  // The cookies were looked at before. If they name the same person still, they are crossed with another login's.
  if (is === 'identity' && wish.person === person) machine.status = 'loading'
  if (is === 'ended' && wish.person === person) endHere(machine, reason ?? 'unknown', orders)
  if (is === 'ended') settle(machine, id, 'session_ended', orders)
  else if (is === 'identity') settle(machine, id, 'identity_changed', orders)
  else settle(machine, id, is === 'unavailable' || is === 'stale' ? 'auth_unavailable' : 'answer', orders)
}

function replied(
  machine: Machine,
  { call, done, person, since }: Question,
  reply: Input & { on: 'reply' },
  now: number,
  orders: Order[],
): void {
  const { is, answer, reason, wait_ms, chance } = reply
  const first = !done.includes(is)
  if (is === 'ended' || (is === 'fine' && person && answer?.status === 'unauthenticated'))
    return endHere(machine, reason ?? answer?.reason ?? 'unknown', orders)
  if (is === 'fine') {
    for (const wish of machine.wishes) {
      wish.needs_csrf = false
      if (!wish.sent) wish.replies += 1
    }
    if (answer) learnt(machine, answer, since, orders)
  } else if (first && (is === 'stale' || is === 'csrf')) {
    ask(machine, call, [...done, is], since, orders)
  } else if (call === 'token' && (is === 'csrf' || is === 'identity' || is === 'refused')) {
    // `POST session` needs neither a good token nor a CSRF token, and its answer is definite.
    ask(machine, 'session', done, since, orders)
  } else {
    const spread = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(machine.failures++, 16))
    machine.wait_until = now + (wait_ms ?? BACKOFF_MS / 2 + Math.floor((spread * chance) / 1000))
  }
}

function ask(machine: Machine, call: Ask, done: Verdict[], since: number, orders: Order[]): void {
  machine.question = { call, person: machine.person, since, done }
  orders.push({ do: 'ask', call, rev: machine.access?.rev ?? null })
}

/** Sends what may go, asks what has to be known first, and settles what can come to nothing. */
function advance(machine: Machine, wish: Wish, now: number, orders: Order[]): void {
  const { person, status, access, question } = machine
  const { id, kind } = wish
  if (!wish.bound && (person || status !== 'loading')) {
    wish.bound = true
    wish.person = person
  }
  if (kind === 'call' && wish.bound && wish.person !== person && (wish.person || !wish.sent))
    return settle(machine, id, person ? 'identity_changed' : 'session_ended', orders)
  if (wish.sent) return
  const call = needed(machine, wish, now)
  if (!call) {
    if (kind === 'ready' || kind === 'fresh') return settle(machine, id, 'answer', orders)
    wish.sent = true
    wish.rev = access?.rev ?? null
    orders.push({ do: 'send', id })
  } else if (!question) {
    if (now < machine.wait_until || wish.replies >= REPLIES)
      return settle(machine, id, kind === 'ready' ? 'answer' : 'auth_unavailable', orders)
    ask(machine, call, [], now, orders)
  }
}

/** What has to be asked before this wish can go on. */
function needed({ transport, status, access }: Machine, wish: Wish, now: number): Ask | null {
  const { kind, needs_csrf, done } = wish
  if (needs_csrf) return 'session'
  // Behind the gateway a call is renewed on its way.
  if (kind === 'open' || (kind === 'call' && transport === 'cookie' && !done.includes('refused'))) return null
  if (status === 'loading') return 'session'
  if (status !== 'authenticated' || kind === 'ready') return null
  return access && now < access.until ? null : 'token'
}

function settle(machine: Machine, id: number, as: Outcome, orders: Order[]): void {
  machine.wishes = machine.wishes.filter((wish) => wish.id !== id)
  orders.push({ do: 'settle', id, as })
}
