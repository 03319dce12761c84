//! The adapters on the real core: what reaches the API, as whom, and what the service is asked for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import axios from 'axios'
import { act, createElement as h, type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { redirect } from 'react-router'
import { attachSession } from '../../src/axios/index.ts'
import { isSessionError, type Session } from '../../src/index.ts'
import { createStores } from '../../src/nanostores/index.ts'
import { bindQueryClient } from '../../src/query/index.ts'
import { SessionManager, SessionProvider, useSession } from '../../src/react/index.ts'
import { requireSession } from '../../src/react-router/index.ts'
import { sessionHint } from '../../src/server/index.ts'
import { expectRequests } from '../../src/testing/index.ts'
import { json, ORIGIN, problem, World } from '../core/world.ts'
import { place } from './dom.ts'

const api = (session: Session) => {
  const instance = axios.create({ baseURL: `${ORIGIN}/api` })
  attachSession(instance, session)
  return instance
}

test('axios: twenty requests with an expired token are one refresh and twenty answers', async () => {
  const world = new World()
  world.transport = 'bearer'
  world.logIn('anna')
  const session = world.tab()
  await session.ready()
  const first = await session.getAccessToken()
  world.bearers.clear()
  const instance = api(session)
  await expectRequests(session, { token: 1 }, async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => instance.get(`/things/${n}`)))
    assert.deepEqual(new Set(answers.map(({ data }) => data.by)), new Set(['anna']))
  })
  assert.notEqual(await session.getAccessToken(), first)
})

test('axios: a request that waits when somebody else logs in is refused as that, and never sent', async () => {
  const world = new World()
  world.transport = 'bearer'
  world.logIn('anna')
  const session = world.tab()
  await session.ready()
  world.bearers.clear()
  await session.fetch(`${ORIGIN}/api/first`)
  world.expireAccess()
  world.hold = '/auth/token'
  session.refresh().catch(() => {})
  const waiting = api(session)
    .post('/things', { of: 'anna' })
    .catch((error) => error)
  await world.settle()
  world.logIn('berta')
  world.hold = null
  for (const { go } of world.held) go()
  await world.settle()
  const error = await waiting
  assert.ok(isSessionError(error, 'identity_changed'), String(error))
  assert.equal(world.count('/api/things'), 0)
})

test('axios: a login of the app itself is taken over, and a failed one causes no refresh', async () => {
  const world = new World()
  world.transport = 'bearer'
  const base = '/api/accounts/auth'
  const session = world.tab({ base, paths: { token: `${base}/token/refresh/` } })
  const login = () => api(session).post('/accounts/auth/login/', { email: 'anna@app.test', password: 'x' })
  world.answers[`${base}/login/`] = [
    () => problem(401, 'invalid_credentials'),
    () => {
      world.logIn('anna')
      return json(world.answer('anna'))
    },
  ]
  const refused = await login().catch((error) => error)
  assert.equal(refused.response.data.code, 'invalid_credentials')
  assert.equal(session.state.status, 'UNAUTHENTICATED')
  await login()
  assert.equal(session.state.sessionKey, 'anna')
  assert.equal((await api(session).get('/whose')).data.by, 'anna')
  assert.equal(world.requests.length, 3)
})

test('TanStack Query: after a switch in another tab what is on screen is asked for as the one who is here', async () => {
  const world = new World()
  world.logIn('anna')
  const session = world.tab()
  await session.ready()
  const client = new QueryClient()
  const stop = bindQueryClient(client, session)
  const observer = new QueryObserver(client, {
    queryKey: ['whose'],
    queryFn: async () => (await session.fetch(`${ORIGIN}/api/whose`)).json(),
    retry: false,
  })
  const seen: unknown[] = []
  const unsubscribe = observer.subscribe(({ data }) => data && seen.push(data))
  await world.settle()
  world.logIn('berta')
  session.wake()
  await world.settle()
  assert.deepEqual(seen, [{ by: 'anna' }, { by: 'berta' }])
  unsubscribe()
  stop()
  client.clear()
})

function Who(): ReactNode {
  const { status, sessionKey } = useSession()
  return `${status} ${sessionKey}`
}

test('React: a page in StrictMode that knows nothing asks once, however many components look', async () => {
  const world = new World()
  world.transport = 'bearer'
  world.logIn('anna')
  delete world.cookies['__Host-auth_hint']
  const session = world.tab()
  const container = place()
  await expectRequests(session, { session: 1 }, async () => {
    const page = h(SessionManager, {
      routes: { AUTHENTICATED: [h(Who, { key: 1 }), h(Who, { key: 2 })] },
      fallback: '…',
    })
    await act(() => createRoot(container).render(h(StrictMode, null, h(SessionProvider, { session }, page))))
    await act(() => world.settle())
  })
  assert.equal(container.textContent, 'AUTHENTICATED annaAUTHENTICATED anna')
})

test('react-router: a hundred route changes of somebody who is known ask nothing', async () => {
  const world = new World()
  world.logIn('anna')
  const session = world.tab()
  const guard = requireSession(session, { redirect })
  await expectRequests(session, {}, async () => {
    for (let n = 0; n < 100; n += 1) await guard({ request: new Request(`${ORIGIN}/vault/${n}`) })
  })
  assert.equal(world.requests.length, 0)
})

test('react-router: a page load with something to renew asks once', async () => {
  const world = new World()
  world.logIn('anna', false)
  const session = world.tab()
  const guard = requireSession(session, { redirect })
  await expectRequests(session, { session: 1 }, () => guard({ request: new Request(`${ORIGIN}/vault`) }))
})

test('react-router: nobody is sent to the login because the service is out of order', async () => {
  const world = new World()
  world.logIn('anna', false)
  world.answers['/auth/session'] = [() => new Response('no', { status: 502 })]
  const session = world.tab()
  const guard = requireSession(session, { redirect })
  assert.equal(await guard({ request: new Request(`${ORIGIN}/vault`) }), null)
  assert.equal(session.state.stale, true)
})

test('nanostores: a token that comes with an answer of the API is in the store', async () => {
  const world = new World()
  world.logIn('anna')
  const session = world.tab()
  const { $csrfToken } = createStores(session)
  const seen: (string | null)[] = []
  const stop = $csrfToken.subscribe((token) => seen.push(token))
  world.answers['/api/form'] = [
    () => {
      world.cookies['__Host-csrftoken'] = 'anna.tag2'
      return json({ csrf_token: 'anna.tag2' }, 200, { 'content-length': '26' })
    },
  ]
  await session.fetch(`${ORIGIN}/api/form`)
  await world.settle()
  assert.deepEqual(seen, ['anna.tag', 'anna.tag2'])
  stop()
})

for (const [name, prepare] of [
  ['a visitor', () => {}],
  ['somebody who is logged in', (world: World) => world.logIn('anna')],
  ['somebody with something to renew', (world: World) => world.logIn('anna', false)],
  [
    'somebody in the middle of a login',
    (world: World) => {
      world.cookies.csrftoken = 'anon.nonce.tag'
      world.cookies['__Host-auth_hint'] = 'mfa_verify_required'
    },
  ],
  [
    'somebody whose session ended',
    (world: World) => {
      world.cookies['__Host-auth_hint'] = 'ended.revoked'
    },
  ],
  [
    'cookies of two logins',
    (world: World) => {
      world.logIn('anna')
      world.cookies['__Host-auth_hint'] = 'authenticated.berta.r9'
    },
  ],
] as [string, (world: World) => void][])
  test(`server: what it paints for ${name} is what the page begins with`, () => {
    const world = new World()
    prepare(world)
    const header = Object.entries(world.cookies)
      .map((pair) => pair.join('='))
      .join('; ')
    assert.deepEqual(sessionHint(header), { ...world.tab().state })
  })
