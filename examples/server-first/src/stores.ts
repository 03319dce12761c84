// The session of this app, as stores. The server has the last word; the stores follow the cookies, and every answer that
// brings a `csrf_token`.

import { createSession } from '@perennial/session'
import { createFlows } from '@perennial/session/flows'
import { createStores } from '@perennial/session/nanostores'
import { computed } from 'nanostores'

export const session = createSession()
export const flows = createFlows(session)
export const { $session, $csrfToken } = createStores(session)

/** Real stores, so everything else of the app is computed from them. */
export const $person = computed($session, ({ sessionKey, status }) => (status === 'AUTHENTICATED' ? sessionKey : null))
export const $name = computed($session, ({ user }) => user?.name || user?.email || null)
