// The store and RTK Query, the real ones.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configureStore } from '@reduxjs/toolkit'
import { createApi, fetchBaseQuery } from '@reduxjs/toolkit/query'
import { SessionError } from '../../src/index.ts'
import { bindStore, selectSession, sessionBaseQuery, sessionReducer } from '../../src/redux/index.ts'
import { type Pretended, pretend } from './pretend.ts'

const BASE = 'http://app.test/api'

const app = (page: Pretended) => {
  const api = createApi({
    baseQuery: sessionBaseQuery(page.session, fetchBaseQuery, { baseUrl: BASE }),
    endpoints: (build) => ({
      notes: build.query<{ of: string }, void>({ query: () => '/notes' }),
      add: build.mutation<unknown, object>({ query: (body) => ({ url: '/notes', method: 'POST', body }) }),
    }),
  })
  const store = configureStore({
    reducer: { session: sessionReducer, [api.reducerPath]: api.reducer },
    middleware: (defaults) => defaults().concat(api.middleware),
  })
  return { api, store, stop: bindStore(store, page.session, { reset: [api] }) }
}

const notesOf = ({ api, store }: ReturnType<typeof app>) => api.endpoints.notes.select()(store.getState())

test("the store begins with LOADING and has the session's own state as soon as it is bound", () => {
  assert.equal(sessionReducer(undefined, { type: '@@init' }).status, 'LOADING')
  const page = pretend('AUTHENTICATED', 'anna')
  const { store } = app(page)
  assert.equal(selectSession(store.getState()), page.session.state)
  assert.deepEqual(JSON.parse(JSON.stringify(selectSession(store.getState()))), page.session.state)
})

test('every change reaches the store, until it is unbound', () => {
  const page = pretend('UNAUTHENTICATED')
  const { store, stop } = app(page)
  page.become('MFA_VERIFY_REQUIRED')
  assert.equal(selectSession(store.getState()).status, 'MFA_VERIFY_REQUIRED')
  page.become('AUTHENTICATED', 'anna')
  assert.equal(selectSession(store.getState()).sessionKey, 'anna')
  stop()
  page.become('UNAUTHENTICATED')
  assert.equal(selectSession(store.getState()).sessionKey, 'anna')
})

test('what one person was answered is gone before anybody sees the next (F20)', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  page.answers = () => Response.json({ of: page.session.state.sessionKey })
  const here = app(page)
  await here.store.dispatch(here.api.endpoints.notes.initiate())
  assert.deepEqual(notesOf(here).data, { of: 'anna' })
  const seen: unknown[] = []
  here.store.subscribe(() => {
    if (selectSession(here.store.getState()).sessionKey === 'berta') seen.push(notesOf(here).data)
  })
  page.become('AUTHENTICATED', 'berta')
  assert.deepEqual(seen, [undefined])
})

test('an answer for one person that comes late is not shown to the next', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  let answer = (_: Response): void => {}
  page.answers = () =>
    new Promise((resolve) => {
      answer = resolve
    })
  const here = app(page)
  const late = here.store.dispatch(here.api.endpoints.notes.initiate())
  page.become('AUTHENTICATED', 'berta')
  answer(Response.json({ of: 'anna' }))
  await late
  assert.equal(notesOf(here).data, undefined)
})

test('after a reset a query asks again, as the person who is here', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  page.answers = () => Response.json({ of: page.session.state.sessionKey })
  const here = app(page)
  await here.store.dispatch(here.api.endpoints.notes.initiate())
  page.become('AUTHENTICATED', 'berta')
  await here.store.dispatch(here.api.endpoints.notes.initiate())
  assert.deepEqual(notesOf(here).data, { of: 'berta' })
  assert.deepEqual(
    page.sent.map(({ as }) => as),
    ['anna', 'berta'],
  )
})

test('what the session says reaches the query as a code, with what it takes to go on', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  page.answers = () => Promise.reject(new SessionError('auth_unavailable', { status: 503, retryAfter: 7 }))
  const here = app(page)
  const { error } = await here.store.dispatch(here.api.endpoints.notes.initiate())
  const data = { reason: null, retryAfter: 7, retryable: true }
  assert.deepEqual(error, { status: 'CUSTOM_ERROR', error: 'auth_unavailable', data })
})

test('an answer of the API and a network that is gone stay what RTK Query makes of them', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  const here = app(page)
  page.answers = () => Response.json({ detail: 'no' }, { status: 403 })
  const refused = await here.store.dispatch(here.api.endpoints.notes.initiate())
  assert.deepEqual(refused.error, { status: 403, data: { detail: 'no' } })
  page.answers = () => Promise.reject(new TypeError('fetch failed'))
  const gone = await here.store.dispatch(here.api.endpoints.add.initiate({}))
  assert.equal((gone.error as { status: string }).status, 'FETCH_ERROR')
})
