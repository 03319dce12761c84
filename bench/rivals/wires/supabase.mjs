// GoTrue as @supabase/auth-js speaks it.

import { bearerOf, fake, fieldsOf } from './fake.mjs'
import { Tokens } from './tokens.mjs'

export function supabase(_, options) {
  const tokens = new Tokens(options)
  const handed = ({ access, refresh, lifetime }) => ({
    body: {
      access_token: access,
      refresh_token: refresh,
      token_type: 'bearer',
      expires_in: Math.ceil(lifetime / 1000),
      user: { id: 'user-1', email: 'demo@example.test' },
    },
  })
  return fake({
    owns: /^\/auth\/v1\//,
    tokens,
    admits: ({ headers }) => tokens.admits(bearerOf(headers)),
    answer({ url, body }) {
      if (url.pathname.endsWith('/logout')) return { status: 204 }
      if (url.searchParams.get('grant_type') === 'password') return handed(tokens.issue())
      const next = tokens.refresh(fieldsOf(body).refresh_token)
      return next
        ? handed(next)
        : { status: 400, body: { code: 'refresh_token_not_found', message: 'Invalid Refresh Token' } }
    },
  })
}
