// The one error class of the package.

import type { EndReason } from './types.ts'

/** What `fetch` and the state's promises reject with. Calls of `flows` reject with the service's other codes too. */
export type ErrorCode = 'session_ended' | 'identity_changed' | 'auth_unavailable' | 'cookies_blocked'

type Code = ErrorCode | (string & {})

interface Facts {
  status?: number
  reason?: EndReason | null
  retryAfter?: number
}

export class SessionError extends Error {
  declare readonly code: Code
  /** The HTTP status of the answer; 0 where none came. */
  declare readonly status: number
  declare readonly reason: EndReason | null
  /** Seconds to wait before another try can help. */
  declare readonly retryAfter: number

  /** The same request may succeed later. */
  declare readonly retryable: boolean

  constructor(code: Code, facts: Facts = {}, detail: string = code) {
    super(detail)
    const retryable = code === 'auth_unavailable' || facts.status === 429
    Object.assign(this, { name: 'SessionError', code, status: 0, reason: null, retryAfter: 0, retryable, ...facts })
  }
}

/** The error itself, or the one that another library keeps in `cause`. */
export function sessionErrorOf(error: unknown): SessionError | null {
  // Libraries copy the name to errors of their own, and nothing else.
  const { name, retryAfter, cause } = (error ?? {}) as Partial<SessionError>
  if (name === 'SessionError' && retryAfter !== undefined) return error as SessionError
  return cause ? sessionErrorOf(cause) : null
}

export function isSessionError(error: unknown, code?: Code): boolean {
  const found = sessionErrorOf(error)
  return found !== null && (code === undefined || found.code === code)
}
