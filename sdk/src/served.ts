// The module that the service hands out as `{base}/sdk.js`, for pages without a build.

import { createSession as create, type Options, type Session } from './index.ts'

export * from './flows/index.ts'
export * from './index.ts'

/** What this service is configured to, where that is not what the SDK takes for granted. The service writes it. */
declare const CONFIGURED: Options

/** Where this module came from is where the service is. */
const base = new URL('.', import.meta.url).href.replace(/\/$/, '')

export function createSession(options?: Options): Session {
  return create({ base, ...CONFIGURED, ...options })
}
