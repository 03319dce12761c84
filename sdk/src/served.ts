//! What `{base}/sdk.js` holds: the core and the flows, for pages without a build.

import * as core from './core/session.ts'
import type { Options, Session } from './core/types.ts'

export { isSessionError, SessionError } from './core/errors.ts'
export { createFlows } from './flows/index.ts'

/** The service is where this file came from. */
export const createSession = (options: Options = {}): Session =>
  core.createSession({ base: new URL('.', import.meta.url).href, ...options })
