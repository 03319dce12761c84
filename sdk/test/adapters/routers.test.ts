// The guards, in the real routers.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMemoryRouter, redirect } from 'react-router'
import type { Session, Status } from '../../src/core/types.ts'
import { safePath } from '../../src/guard.ts'
import { requireSession } from '../../src/react-router/index.ts'
import { requireSession as requireSessionInTanStack } from '../../src/tanstack-router/index.ts'
import { pretend } from './pretend.ts'

// In Node this router takes itself for a server, unless it is told otherwise before it is loaded.
process.env.NODE_ENV = 'test'
const tanstack = await import('@tanstack/react-router')

const PATHS = ['/', '/vault', '/login', '/mfa/verify', '/mfa/setup', '/verify']

/** Where somebody ends who goes to `from`. */
type Navigate = (session: Session, from: string) => Promise<string>

const settled = async (router: ReturnType<typeof createMemoryRouter>): Promise<string> => {
  while (router.state.navigation.state !== 'idle' || !router.state.initialized) await new Promise(setImmediate)
  assert.equal(router.state.errors, null)
  const { pathname, search } = router.state.location
  return pathname + search
}

const inReactRouter =
  (place: 'loader' | 'middleware'): Navigate =>
  async (session, from) => {
    const guard = requireSession(session, { redirect })
    const routes = PATHS.map((path) => ({
      path,
      loader: place === 'loader' ? guard : () => null,
      middleware: place === 'middleware' ? [guard] : undefined,
    }))
    const router = createMemoryRouter(routes, { initialEntries: [from] })
    router.initialize()
    return settled(router)
  }

const inTanStackRouter: Navigate = async (session, from) => {
  const beforeLoad = requireSessionInTanStack(session, { redirect: tanstack.redirect })
  const root = tanstack.createRootRoute()
  const routes = PATHS.map((path) => tanstack.createRoute({ getParentRoute: () => root, path, beforeLoad }))
  const history = tanstack.createMemoryHistory({ initialEntries: [from] })
  const router = tanstack.createRouter({
    routeTree: root.addChildren(routes),
    history,
    origin: 'http://o',
    isServer: false,
  })
  await router.load()
  return history.location.href
}

const CASES: [status: Status, from: string, to: string][] = [
  ['UNAUTHENTICATED', '/vault?tab=2', '/login?next=%2Fvault%3Ftab%3D2'],
  ['UNAUTHENTICATED', '/login', '/login'],
  ['UNAUTHENTICATED', '/login?next=%2Fvault', '/login?next=%2Fvault'],
  ['UNAUTHENTICATED', '/mfa/verify?next=%2Fvault', '/login?next=%2Fvault'],
  ['MFA_VERIFY_REQUIRED', '/mfa/verify?next=%2Fvault', '/mfa/verify?next=%2Fvault'],
  ['MFA_VERIFY_REQUIRED', '/login?next=%2Fvault', '/mfa/verify?next=%2Fvault'],
  ['MFA_VERIFY_REQUIRED', '/mfa/setup', '/mfa/verify'],
  ['MFA_SETUP_REQUIRED', '/vault', '/mfa/setup?next=%2Fvault'],
  ['MFA_SETUP_REQUIRED', '/mfa/setup', '/mfa/setup'],
  ['VERIFY_EMAIL_REQUIRED', '/', '/verify?next=%2F'],
  ['VERIFY_EMAIL_REQUIRED', '/verify', '/verify'],
  ['AUTHENTICATED', '/vault', '/vault'],
  ['AUTHENTICATED', '/login', '/'],
  ['AUTHENTICATED', '/login?next=%2Fvault%3Ftab%3D2', '/vault?tab=2'],
  ['AUTHENTICATED', '/mfa/verify?next=%2F%2Fevil.test', '/'],
  ['AUTHENTICATED', '/verify?next=https%3A%2F%2Fevil.test', '/'],
  ['LOADING', '/vault', '/vault'],
  ['LOADING', '/login', '/login'],
]

const ROUTERS: [name: string, navigate: Navigate][] = [
  ['a react-router loader', inReactRouter('loader')],
  ['a react-router middleware', inReactRouter('middleware')],
  ['a TanStack Router beforeLoad', inTanStackRouter],
]

for (const [name, navigate] of ROUTERS) {
  describe(name, () => {
    for (const [status, from, to] of CASES)
      test(`sends ${status} at ${from} to ${to}`, async () => {
        const { session } = pretend(status, status === 'AUTHENTICATED' ? 'anna' : null)
        assert.equal(await navigate(session, from), to)
      })

    test('waits for the first answer and does not decide before it', async () => {
      const page = pretend('LOADING')
      page.session.ready = async () => {
        await new Promise(setImmediate)
        page.become('UNAUTHENTICATED')
        return page.session.state
      }
      assert.equal(await navigate(page.session, '/vault'), '/login?next=%2Fvault')
    })
  })
}

test('a route that was guarded is guarded again when a logout in another tab is heard of', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  const loader = requireSession(page.session, { redirect })
  const router = createMemoryRouter(
    PATHS.map((path) => ({ path, loader })),
    { initialEntries: ['/vault'] },
  ).initialize()
  assert.equal(await settled(router), '/vault')
  page.session.on('identity', () => router.revalidate())
  page.become('UNAUTHENTICATED')
  await new Promise(setImmediate)
  assert.equal(await settled(router), '/login?next=%2Fvault')
  page.become('AUTHENTICATED', 'berta')
  await new Promise(setImmediate)
  assert.equal(await settled(router), '/vault')
})

describe('next', () => {
  const REFUSED = [
    null,
    '',
    'vault',
    '//e',
    '///e',
    '/\\e',
    '\\/e',
    '\\\\e',
    '/%5ce',
    '/%5Ce',
    '/%2fe',
    '/%2F%2Fe',
    '/%09/e',
    '/\t/e',
    '/\n/e',
    '/\r\n/e',
    '\t//e',
    ' //e',
    '/ /e'.replace(' ', '\t'),
    '/..//e',
    '/../..//e',
    '/.//e',
    '/./\\e',
    '/%2e%2e//e',
    '/vault/../..//e',
    '/vault/..//e',
    'https:e',
    'https:/e',
    'https://e',
    'http://o/vault',
    'http://o@e',
    '@e',
    '.e',
    ':80/e',
    'javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'blob:http://o/x',
  ]
  for (const next of REFUSED)
    test(`does not lead to ${JSON.stringify(next)}`, () => assert.equal(safePath(next), undefined))

  const ALLOWED: [string, string][] = [
    ['/', '/'],
    ['/vault', '/vault'],
    ['/vault?tab=2#end', '/vault?tab=2#end'],
    ['/vault?to=//e', '/vault?to=//e'],
    ['/été', '/%C3%A9t%C3%A9'],
    ['/a/../b', '/b'],
    ['/@anna', '/@anna'],
  ]
  for (const [next, path] of ALLOWED) test(`leads to ${next}`, () => assert.equal(safePath(next), path))

  test('is the same path to whoever parses it again', () => {
    for (const [next] of ALLOWED) {
      const path = safePath(next) as string
      assert.equal(new URL(path, 'https://app.test').origin, 'https://app.test')
      assert.equal(safePath(path), path)
    }
  })
})
