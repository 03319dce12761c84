// Who is measured: the page each one is built from, the wire it speaks, and how its access token gets old.

import { auth0, oidc } from './wires/oauth.mjs'
import { refreshCookie } from './wires/refresh-cookie.mjs'
import { betterAuth, nextAuth } from './wires/session-cookie.mjs'
import { supabase } from './wires/supabase.mjs'
import { supertokens } from './wires/supertokens.mjs'

/**
 * `sleep` is for libraries that renew by a timer before the end: only a page that slept meets an expired token. It
 * runs in a page of the origin and sets what the library keeps to "expired", as if no timer had run. The tokens of
 * the others live for seconds.
 */
export const RIVALS = [
  { of: 'supertokens-website', name: 'supertokens-website', page: 'supertokens', wire: supertokens },
  {
    of: '@auth0/auth0-spa-js',
    name: 'auth0-spa-js, localstorage',
    page: 'auth0',
    define: { CACHE: `'localstorage'` },
    wire: auth0,
  },
  {
    of: '@auth0/auth0-spa-js',
    name: 'auth0-spa-js, memory',
    page: 'auth0',
    define: { CACHE: `'memory'` },
    wire: auth0,
  },
  {
    of: '@supabase/auth-js',
    name: 'supabase auth-js',
    page: 'supabase',
    wire: supabase,
    sleep() {
      const key = 'sb-app-auth-token'
      localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), expires_at: 1 }))
    },
  },
  { of: 'next-auth', name: 'next-auth', page: 'next-auth', wire: nextAuth, hasAccessToken: false },
  { of: 'better-auth', name: 'better-auth', page: 'better-auth', wire: betterAuth, hasAccessToken: false },
  {
    of: 'oidc-client-ts',
    name: 'oidc-client-ts',
    page: 'oidc-client-ts',
    wire: oidc,
    sleep() {
      const key = Object.keys(localStorage).find((key) => key.startsWith('oidc.user:'))
      localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), expires_at: 1 }))
    },
  },
  { of: 'axios-auth-refresh', name: 'axios-auth-refresh', page: 'axios-auth-refresh', wire: refreshCookie },
]
