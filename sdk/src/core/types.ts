// What the package shows to apps. No code here.

/** Your own user, by declaration merging: `declare module '@perennial/session' { interface Register { user: MyUser } }`. */
// biome-ignore lint/suspicious/noEmptyInterface: apps fill it in.
export interface Register {}

export type User = Register extends { user: infer Own }
  ? Own
  : { id: string; email?: string | null; name?: string | null }

export type Status =
  | 'LOADING'
  | 'AUTHENTICATED'
  | 'MFA_VERIFY_REQUIRED'
  | 'MFA_SETUP_REQUIRED'
  | 'VERIFY_EMAIL_REQUIRED'
  | 'UNAUTHENTICATED'

/** Why a session ended (spec: `reason` of `session_ended`). */
export type EndReason =
  | 'logout'
  | 'expired_idle'
  | 'expired_absolute'
  | 'revoked'
  | 'reuse'
  | 'password_changed'
  | 'account_disabled'
  | 'unknown'

/** What is known about the person in front of this page. A new object for every change. */
export type State =
  | {
      readonly status: 'AUTHENTICATED'
      /** Whose session it is. It changes with every login, logout and account switch, and never when tokens are renewed. */
      readonly sessionKey: string
      /** `null` until an answer said it: `session.profile()` asks, once. */
      readonly user: User | null
      readonly reason: null
      /** The last question to the service got no answer that counts (offline, 5xx). What was known still holds. */
      readonly stale: boolean
    }
  | {
      readonly status: Exclude<Status, 'AUTHENTICATED'>
      readonly sessionKey: string | null
      readonly user: null
      readonly reason: EndReason | null
      readonly stale: boolean
    }

/** The calls of the service, by the names of its configuration (`http.aliases`). */
export type Call =
  | 'session'
  | 'token'
  | 'login'
  | 'register'
  | 'verify-otp'
  | 'resend-otp'
  | 'mfa-setup'
  | 'mfa-setup-confirm'
  | 'mfa-verify'
  | 'reauthenticate'
  | 'logout'
  | 'logout-all'
  | 'sessions'
  | 'password-change'

export interface Options {
  /** Where the service is: a path of this origin, or a URL of another origin of the same site. `/auth`. */
  base?: string
  /** Where the access token travels: in an HttpOnly cookie, or in this page's memory. `cookie`. */
  transport?: 'cookie' | 'bearer'
  /** Where credentials may go: origins or URL prefixes, compared by whole path segments. This page's origin. */
  api?: readonly string[]
  /** Calls of the service that have another path on this wire: `{ token: '/api/auth/token/' }`. */
  paths?: Partial<Record<Call, string>>
  /** Further URL prefixes that need no session and never cause a refresh, such as a login form's target of the app's own. */
  open?: readonly string[]
  /** `X-CSRFToken`. */
  csrfHeader?: string
  /** Base names of the readable cookies; the `__Host-` prefix is tried by itself. `csrftoken`, `auth_hint`. */
  cookies?: { csrf?: string; hint?: string }
  /** Keep `user` (never a token) in sessionStorage, so that a reload shows it without a request. `true`. */
  userCache?: boolean
  /** For tests. */
  platform?: Platform
}

export interface Events {
  change: { state: State; previous: State }
  /** Somebody else is here now, or nobody: empty every cache. Once per tab, before `change` and before subscribers. */
  identity: { from: string | null; to: string | null }
  /** A request leaves for the service. */
  request: { call: string }
}

export interface Session {
  readonly state: State
  /** What unsafe requests carry; `null` where there is none yet. */
  readonly csrfToken: string | null
  /** Calls back after every change. Whoever subscribes while LOADING causes the one request that settles it. */
  subscribe(listener: () => void): () => void
  /** Resolves as soon as the state is known; never rejects; costs at most one request. */
  ready(): Promise<State>
  /** `fetch` that outlives expiry: resolves with the Response, or rejects with a `SessionError`. */
  readonly fetch: typeof globalThis.fetch
  /** Before a WebSocket, an EventSource, an upload or a navigation. */
  ensureFresh(): Promise<State>
  /** Renews now. */
  refresh(): Promise<State>
  /** Bearer transport: a token that is good for now; `null` when nobody is logged in. */
  getAccessToken(): Promise<string | null>
  /** Takes over what a login (or any other auth call that the app made itself) was answered. No further request. */
  commit(answer: Response | object): Promise<State>
  /** Ends the session for this tab and its peers at once, then at the service. Rejects where that could not be told. */
  signOut(options?: { everywhere?: boolean }): Promise<void>
  /** `state.user`; where nobody has said it yet, one renewal, whose answer does. */
  profile(): Promise<User | null>
  on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void
  /** Where a call of the service is; `path` below the base, where it is not the call's name. */
  url(call: Call, path?: string): string
  /** Stops listening to the page and to other tabs. */
  destroy(): void
}

/** Everything that the core needs of a browser. On a server there is no page, and nothing is asked. */
export interface Platform {
  fetch: typeof globalThis.fetch
  /** The page's URL. */
  href: string
  /** `document.cookie`; `null` where this page has none. */
  cookies(): string | null
  /** Milliseconds that only go forward, sleep included; never a time of day. */
  now(): number
  /** 0 ≤ n < 1. */
  random(): number
  after(ms: number, then: () => void): void
  online(): boolean
  /** Runs `work` alone among this origin's tabs, or anyway after a second. `work` never fails. */
  alone<Value>(name: string, work: () => Promise<Value>): Promise<Value>
  /** Messages between tabs; `null` where there are none. */
  channel(
    name: string,
    heard: (message: unknown) => void,
  ): { postMessage(message: unknown): void; close(): void } | null
  /** Small values that outlive a reload of this tab; `null` where there is none, or no storage. */
  read(name: string): unknown
  write(name: string, value: unknown): void
  /** Calls back when the page is looked at again (focus, visibility, bfcache), or the network is back. */
  wakes(then: (network: boolean) => void): () => void
}
