// axios: requests of an instance go through `session.fetch`. No interceptors, no queue, no retry flag.

import type { AxiosInstance } from 'axios'
import type { Session } from '../core/types.ts'

const attached = new WeakMap<AxiosInstance, { session: Session; detach: () => void }>()

/**
 * Sends what this instance is asked for through the session: waits for a refresh, repairs once, carries the credentials of this
 * page's person. As many instances as you like share one session. An `AxiosError` that the session caused has the session's
 * `code`, and the `SessionError` as its `cause`; a cancelled request stays a `CanceledError`.
 *
 * It uses axios's own fetch adapter. What that cannot do and XMLHttpRequest can: `onUploadProgress`, for which it sends the body as a
 * stream, which Chromium allows over HTTP/2 alone, other browsers not at all, and nobody twice. For such an upload, `await
 * session.ensureFresh()` and send it with an instance that is not attached.
 */
export function attachSession(instance: AxiosInstance, session: Session): () => void {
  const before = attached.get(instance)
  if (before?.session === session) return before.detach
  before?.detach()
  const { defaults } = instance
  const { adapter, env, xsrfCookieName } = defaults
  const detach = (): void => {
    if (attached.get(instance)?.detach !== detach) return
    attached.delete(instance)
    Object.assign(defaults, { adapter, env, xsrfCookieName })
  }
  attached.set(instance, { session, detach })
  // The session names the page's person; a token that axios read from the cookie could be of the next one.
  Object.assign(defaults, { adapter: 'fetch', env: { ...env, fetch: session.fetch }, xsrfCookieName: '' })
  return detach
}
