// Authorization code flow with refresh token rotation, as auth0-spa-js and oidc-client-ts speak it.

import { bearerOf, fake, fieldsOf } from './fake.mjs'
import { Tokens, unsigned } from './tokens.mjs'

/**
 * `early`: seconds before its end at which the library takes an access token for expired. They are added to what it
 * is told, so that it and the API agree on the moment.
 */
function oauth(origin, options, { issuer, owns, early }) {
  const tokens = new Tokens(options)
  const nonces = new Map()
  let codes = 0

  const handed = ({ access, refresh, lifetime }, nonce) => {
    const seconds = Math.floor(Date.now() / 1000)
    const identity = {
      iss: issuer,
      sub: 'user-1',
      aud: 'app',
      iat: seconds,
      exp: seconds + 36_000,
      ...(nonce && { nonce }),
    }
    return {
      body: {
        access_token: access,
        refresh_token: refresh,
        id_token: unsigned(identity),
        token_type: 'Bearer',
        scope: 'openid profile email offline_access',
        expires_in: Math.ceil(lifetime / 1000) + early,
      },
    }
  }

  function authorize(url, cookies) {
    const asked = Object.fromEntries(url.searchParams)
    const silent = asked.prompt === 'none'
    if (silent && !cookies.idp)
      return posted({ error: 'login_required', error_description: 'Login required', state: asked.state })
    const code = `code-${++codes}`
    nonces.set(code, asked.nonce)
    if (silent) return posted({ code, state: asked.state })
    const to = `${asked.redirect_uri}?${new URLSearchParams({ code, state: asked.state })}`
    return { headers: { 'set-cookie': 'idp=1; Path=/; HttpOnly' }, to }
  }

  const posted = (response) => ({
    html: `<script>parent.postMessage(${JSON.stringify({ type: 'authorization_response', response })}, ${JSON.stringify(origin)})</script>`,
  })

  function token(fields) {
    if (fields.grant_type === 'authorization_code') return handed(tokens.issue(), nonces.get(fields.code))
    const next = tokens.refresh(fields.refresh_token)
    return next ? handed(next) : { status: 400, body: { error: 'invalid_grant' } }
  }

  return fake({
    owns,
    tokens,
    admits: ({ headers }) => tokens.admits(bearerOf(headers)),
    answer({ url, cookies, body }) {
      const call = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
      if (call === 'authorize') return authorize(url, cookies)
      if (call === 'token') return token(fieldsOf(body))
      if (call === 'logout') return { headers: { 'set-cookie': 'idp=; Path=/; Max-Age=0' }, to: `${origin}/` }
      return {
        body: {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          end_session_endpoint: `${issuer}/logout`,
        },
      }
    },
  })
}

/** auth0-spa-js asks for a minute before the end. */
export const auth0 = (origin, options) =>
  oauth(origin, options, { issuer: `${origin}/`, owns: /^\/(authorize|oauth\/token|v2\/logout)$/, early: 60 })

/** oidc-client-ts renews by a timer before the end; that it expires at all means that the page slept. */
export const oidc = (origin, options) =>
  oauth(origin, options, { issuer: `${origin}/oidc`, owns: /^\/oidc\//, early: 0 })
