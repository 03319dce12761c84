// What the compiler has to accept, and what it has to refuse. Checked by `tsc`, never run.

import { configureStore } from '@reduxjs/toolkit'
import { createApi, fetchBaseQuery } from '@reduxjs/toolkit/query/react'
import { QueryClient } from '@tanstack/react-query'
import { createRootRoute, createRoute, redirect as goTo } from '@tanstack/react-router'
import axios from 'axios'
import { computed } from 'nanostores'
import { createElement } from 'react'
import { createBrowserRouter, redirect } from 'react-router'
import { attachSession } from '../../src/axios/index.ts'
import type { Session, State, Status, User } from '../../src/index.ts'
import { createStores } from '../../src/nanostores/index.ts'
import { bindQueryClient, sessionRetry, sessionRetryDelay } from '../../src/query/index.ts'
import { SessionManager, SessionProvider, useSession } from '../../src/react/index.ts'
import { requireSession } from '../../src/react-router/index.ts'
import { bindStore, selectSession, sessionBaseQuery, sessionReducer } from '../../src/redux/index.ts'
import { sessionHint } from '../../src/server/index.ts'
import { requireSession as requireSessionInTanStack } from '../../src/tanstack-router/index.ts'
import { expectRequests } from '../../src/testing/index.ts'

declare const session: Session
declare const state: State

// The state is told apart by its status.

if (state.status === 'AUTHENTICATED') {
  const key: string = state.sessionKey
  const user: User | null = state.user
  const reason: null = state.reason
  void [key, user, reason]
} else {
  const user: null = state.user
  // @ts-expect-error nobody is here for sure
  const key: string = state.sessionKey
  void [user, key]
}
// @ts-expect-error it may be nobody
state.user.id
// @ts-expect-error the session writes it, nobody else
state.status = 'AUTHENTICATED'
// @ts-expect-error no such status
state.status === 'AUTHENTICATING'

// React

export const Shown = (): null => {
  const whole: State = useSession()
  const status: Status = useSession(({ status }) => status)
  // @ts-expect-error a selector says of which type it is
  const name: number = useSession(({ status }) => status)
  // @ts-expect-error the state has no such field
  useSession(({ token }) => token)
  void [whole, status, name]
  return null
}
createElement(SessionProvider, { session, initial: sessionHint('') })
createElement(SessionManager, { routes: { AUTHENTICATED: 'app', MFA_VERIFY_REQUIRED: null }, fallback: 'splash' })
// @ts-expect-error a page of a status that does not exist would never be shown
createElement(SessionManager, { routes: { LOGGED_IN: 'app' } })
// @ts-expect-error no session, nothing to provide
createElement(SessionProvider, {})

// Routers

const guard = requireSession(session, { redirect, login: '/in', home: '/vault' })
createBrowserRouter([
  { path: '/vault', loader: guard },
  { path: '/in', middleware: [guard] },
])
// @ts-expect-error the router's `redirect` is needed
requireSession(session, {})
// @ts-expect-error a place is a path
requireSession(session, { redirect, login: null })
// @ts-expect-error no such place
requireSession(session, { redirect, signIn: '/in' })

const root = createRootRoute({ beforeLoad: requireSessionInTanStack(session, { redirect: goTo }) })
createRoute({
  getParentRoute: () => root,
  path: '/vault',
  beforeLoad: requireSessionInTanStack(session, { redirect: goTo }),
})
// @ts-expect-error react-router's `redirect` is another one
requireSessionInTanStack(session, { redirect })

// axios

const detach: () => void = attachSession(axios.create(), session)
attachSession(axios, session)
// @ts-expect-error the instance comes first
attachSession(session, axios.create())
detach()

// Redux Toolkit

const api = createApi({
  baseQuery: sessionBaseQuery(session, fetchBaseQuery, { baseUrl: '/api' }),
  endpoints: (build) => ({ notes: build.query<string[], number>({ query: (page) => ({ url: `/notes/${page}` }) }) }),
})
const store = configureStore({
  reducer: { session: sessionReducer, [api.reducerPath]: api.reducer },
  middleware: (defaults) => defaults().concat(api.middleware),
})
bindStore(store, session, { reset: [api] })
const mirrored: State = selectSession(store.getState())
const notes: string[] | undefined = api.endpoints.notes.select(1)(store.getState()).data
// @ts-expect-error `fetchFn` is the session's
sessionBaseQuery(session, fetchBaseQuery, { fetchFn: fetch })
// @ts-expect-error the session is not in this store
selectSession(configureStore({ reducer: { other: sessionReducer } }).getState())
// @ts-expect-error only an API can be reset
bindStore(store, session, { reset: [store] })

// TanStack Query

const client = new QueryClient({
  defaultOptions: { queries: { retry: sessionRetry, retryDelay: sessionRetryDelay } },
})
const unbind: () => void = bindQueryClient(client, session)

// nanostores

const { $session, $csrfToken } = createStores(session)
const $name = computed($session, ({ user }) => user?.name ?? null)
const token: string | null = $csrfToken.get()
// @ts-expect-error the session writes it, nobody else
$session.set(state)

// Servers and tests

const hint: State = sessionHint(undefined, { cookies: { csrf: 'app_csrf' } })
// @ts-expect-error a header, not an object of cookies
sessionHint({ csrftoken: 'x' })
const value: Promise<number> = expectRequests(session, { token: 1 }, async () => 7)
// @ts-expect-error numbers are compared
expectRequests(session, { token: 'once' }, () => {})

void [mirrored, notes, unbind, $name, token, hint, value]
