// The usual hand-made service: the access token in JSON, the refresh token in an HttpOnly cookie.

import { bearerOf, fake } from './fake.mjs'
import { Tokens } from './tokens.mjs'

export function refreshCookie(_, options) {
  const tokens = new Tokens(options)
  const handed = ({ access, refresh }) => ({
    headers: { 'set-cookie': `refresh=${refresh}; Path=/auth; HttpOnly` },
    body: { token: access },
  })
  return fake({
    owns: /^\/auth\//,
    tokens,
    admits: ({ headers }) => tokens.admits(bearerOf(headers)),
    answer({ url, cookies }) {
      if (url.pathname === '/auth/login') return handed(tokens.issue())
      if (url.pathname === '/auth/logout') return { headers: { 'set-cookie': 'refresh=; Path=/auth; Max-Age=0' } }
      const next = tokens.refresh(cookies.refresh)
      return next ? handed(next) : { status: 401 }
    },
  })
}
