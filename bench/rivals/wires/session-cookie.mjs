// Services with one session cookie and no token pair, as next-auth and better-auth speak to them.

import { cookiesOf } from '../stage.mjs'

function sessionCookie({ owns, session, calls }) {
  const loggedIn = cookies => cookies.sid === 'user-1'
  return {
    owns,
    presentedAgain: () => 0,
    admits: request => loggedIn(cookiesOf(request)),
    answer({ url, cookies }) {
      const call = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
      if (/credentials|email/.test(call)) return { headers: { 'set-cookie': 'sid=user-1; Path=/; HttpOnly' }, body: { url: '/' } }
      if (/sign-?out/.test(call)) return { headers: { 'set-cookie': 'sid=; Path=/; Max-Age=0' }, body: calls.signOut }
      if (call === 'csrf') return { body: { csrfToken: 'csrf' } }
      return { body: loggedIn(cookies) ? session : calls.nobody }
    }
  }
}

const later = () => new Date(Date.now() + 86_400_000).toISOString()

export const nextAuth = () =>
  sessionCookie({
    owns: /^\/api\/auth\//,
    session: { user: { name: 'Demo', email: 'demo@example.test' }, expires: later() },
    calls: { nobody: {}, signOut: { url: '/' } }
  })

export const betterAuth = () =>
  sessionCookie({
    owns: /^\/api\/auth\//,
    session: {
      session: { id: 's1', userId: 'user-1', token: 't', expiresAt: later(), createdAt: later(), updatedAt: later() },
      user: { id: 'user-1', name: 'Demo', email: 'demo@example.test', emailVerified: true, createdAt: later(), updatedAt: later() }
    },
    calls: { nobody: null, signOut: { success: true } }
  })
