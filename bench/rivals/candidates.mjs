// Who is measured: the page each one is built from, the wire it speaks, and how its access token gets old.

import { betterAuth, nextAuth } from './wires/session-cookie.mjs'
import { auth0, oidc } from './wires/oauth.mjs'
import { supabase } from './wires/supabase.mjs'
import { supertokens } from './wires/supertokens.mjs'

/**
 * ages: 'by waiting'   tokens live for seconds, and the tabs wait.
 *       'asleep'       the library renews by a timer before the end, so only a page that slept meets an expired
 *                      token: `sleep` sets what it keeps to "expired" while no timer runs.
 *       undefined      there is no access token that could expire.
 */
export const RIVALS = [
  { of: 'supertokens-website', name: 'supertokens-website', page: 'supertokens', wire: supertokens, ages: 'by waiting' },
  {
    of: '@auth0/auth0-spa-js',
    name: 'auth0-spa-js, localstorage',
    page: 'auth0',
    define: { CACHE: 'localstorage' },
    wire: auth0,
    ages: 'by waiting'
  },
  {
    of: '@auth0/auth0-spa-js',
    name: 'auth0-spa-js, memory',
    page: 'auth0',
    define: { CACHE: 'memory' },
    wire: auth0,
    ages: 'by waiting'
  },
  {
    of: '@supabase/auth-js',
    name: 'supabase auth-js',
    page: 'supabase',
    wire: supabase,
    ages: 'asleep',
    sleep() {
      const key = 'sb-app-auth-token'
      localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), expires_at: 1 }))
    }
  },
  { of: 'next-auth', name: 'next-auth', page: 'next-auth', wire: nextAuth },
  { of: 'better-auth', name: 'better-auth', page: 'better-auth', wire: betterAuth },
  {
    of: 'oidc-client-ts',
    name: 'oidc-client-ts',
    page: 'oidc-client-ts',
    wire: oidc,
    ages: 'asleep',
    sleep() {
      const key = Object.keys(localStorage).find(key => key.startsWith('oidc.user:'))
      localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), expires_at: 1 }))
    }
  }
]
