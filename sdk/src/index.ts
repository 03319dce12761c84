// The core: one session state, one refresh for all tabs, requests that outlive expiry.

export { type ErrorCode, isSessionError, SessionError, sessionErrorOf } from './core/errors.ts'
export { createSession } from './core/session.ts'
export type {
  Call,
  EndReason,
  Events,
  Options,
  Platform,
  Register,
  Session,
  State,
  Status,
  User,
} from './core/types.ts'
