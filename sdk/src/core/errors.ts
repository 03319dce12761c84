//! The one error class of the package.

import type { EndReason } from './types.ts'

/** What `fetch` and the state's promises reject with. Calls of `flows` reject with the service's other codes too. */
export type ErrorCode = 'session_ended' | 'identity_changed' | 'auth_unavailable' | 'cookies_blocked'

// biome-ignore lint/complexity/noBannedTypes: the usual way to keep the known names in an editor's list.
type Code = ErrorCode | (string & {})

interface Facts {
  status?: number
  reason?: EndReason | null
  retryAfter?: number
  detail?: string
}

const MESSAGES: Record<string, string> = {
  session_ended: 'the session is over: show the login',
  identity_changed: 'somebody else is logged in now: show their page',
  auth_unavailable: 'no answer that counts: keep the page, try again later',
  cookies_blocked: 'the browser keeps no cookies of this site',
}

export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: Code
  /** The HTTP status of the answer; 0 where none came. */
  readonly status: number
  readonly reason: EndReason | null
  /** Seconds to wait before another try can help. */
  readonly retryAfter: number

  constructor(code: Code, { status = 0, reason = null, retryAfter = 0, detail }: Facts = {}) {
    super(detail ?? MESSAGES[code] ?? code)
    this.code = code
    this.status = status
    this.reason = reason
    this.retryAfter = retryAfter
  }

  /** The same request may succeed later. */
  get retryable(): boolean {
    return this.code === 'auth_unavailable' || this.status === 429
  }
}

/** Looks through `cause` too, where other libraries keep it. */
export function isSessionError(error: unknown, code?: Code): error is SessionError {
  const { name, code: own, cause } = (error ?? {}) as { name?: string; code?: string; cause?: unknown }
  if (name === 'SessionError') return code === undefined || own === code
  return cause !== undefined && isSessionError(cause, code)
}
