// SuperTokens in cookie mode: HttpOnly tokens, and a `front-token` header from which the library writes its own cookies.

import { fake } from './fake.mjs'
import { Tokens } from './tokens.mjs'

export function supertokens(_, options) {
  const tokens = new Tokens(options)
  const handed = ({ access, refresh, lifetime }) => ({
    headers: {
      'set-cookie': [
        `sAccessToken=${access}; Path=/; HttpOnly`,
        `sRefreshToken=${refresh}; Path=/auth/session/refresh; HttpOnly`,
      ],
      'front-token': Buffer.from(JSON.stringify({ uid: 'user-1', ate: Date.now() + lifetime, up: {} })).toString(
        'base64',
      ),
    },
    body: { status: 'OK' },
  })
  return fake({
    owns: /^\/auth\//,
    tokens,
    admits: ({ cookies }) => tokens.admits(cookies.sAccessToken),
    answer({ url, cookies }) {
      if (url.pathname === '/auth/signin') return handed(tokens.issue())
      if (url.pathname === '/auth/signout') return { headers: { 'front-token': 'remove' }, body: { status: 'OK' } }
      const next = tokens.refresh(cookies.sRefreshToken)
      return next
        ? handed(next)
        : { status: 401, headers: { 'front-token': 'remove' }, body: { message: 'unauthorised' } }
    },
  })
}
