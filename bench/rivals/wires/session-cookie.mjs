// Services with one session cookie and no token pair, as next-auth and better-auth speak to them.

import { fake } from './fake.mjs'

function sessionCookie({ login, logout, somebody, nobody, further = {} }) {
  const isLoggedIn = (cookies) => cookies.sid === 'user-1'
  return fake({
    owns: /^\/api\/auth\//,
    admits: ({ cookies }) => isLoggedIn(cookies),
    answer({ url, cookies }) {
      const call = url.pathname.replace('/api/auth/', '')
      if (call === login.call) return { headers: { 'set-cookie': 'sid=user-1; Path=/; HttpOnly' }, body: login.body }
      if (call === logout.call) return { headers: { 'set-cookie': 'sid=; Path=/; Max-Age=0' }, body: logout.body }
      return { body: further[call] ?? (isLoggedIn(cookies) ? somebody : nobody) }
    },
  })
}

const LATER = new Date(Date.now() + 86_400_000).toISOString()

export const nextAuth = () =>
  sessionCookie({
    login: { call: 'callback/credentials', body: { url: '/' } },
    logout: { call: 'signout', body: { url: '/' } },
    somebody: { user: { name: 'Demo', email: 'demo@example.test' }, expires: LATER },
    nobody: {},
    further: { csrf: { csrfToken: 'csrf' } },
  })

const USER = {
  id: 'user-1',
  name: 'Demo',
  email: 'demo@example.test',
  emailVerified: true,
  createdAt: LATER,
  updatedAt: LATER,
}
const SESSION = {
  id: 'session-1',
  userId: 'user-1',
  token: 'token',
  expiresAt: LATER,
  createdAt: LATER,
  updatedAt: LATER,
}

export const betterAuth = () =>
  sessionCookie({
    login: { call: 'sign-in/email', body: { redirect: false, token: 'token', user: USER } },
    logout: { call: 'sign-out', body: { success: true } },
    somebody: { session: SESSION, user: USER },
    nobody: null,
  })
