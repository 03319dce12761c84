// What a server may paint first. Read from the cookies that scripts can read and anybody can write: a hint, never authorization.

import type { State } from '../core/types.ts'

export interface HintOptions {
  /** Base names of the readable cookies; the `__Host-` prefix is tried by itself. */
  cookies?: { csrf?: string; hint?: string }
}

/**
 * The state that a page will begin with, from the `Cookie` header of its request: for `<SessionProvider initial>`, and to choose between
 * the shell of the app and the login. The rules are the browser's: the CSRF cookie says whose jar it is, the hint how far that
 * person got. What contradicts itself is LOADING, what is garbage is not there. Only for hosts that get the service's cookies.
 */
export function sessionHint(header: string | null | undefined, { cookies = {} }: HintOptions = {}): State {
  const parts = (name: string, form: RegExp): string[] | undefined => {
    for (const own of [`__Host-${name}=`, `${name}=`]) {
      const pairs = header?.split(/; */).filter((pair) => pair.startsWith(own)) ?? []
      const values = pairs.map((pair) => pair.slice(own.length).replaceAll('"', '')).filter((value) => form.test(value))
      const [value, other] = new Set(values)
      if (value) return other ? undefined : value.split('.')
    }
    return []
  }
  const person = parts(cookies.csrf ?? 'csrftoken', /^[\w-]+\.[\w-]+$/)
  const hint = parts(
    cookies.hint ?? 'auth_hint',
    /^(authenticated\.[\w-]+\.[\w-]+|(mfa_verify|mfa_setup|verify_email)_required|ended\.[a-z_]+)$/,
  )
  if (!person || !hint) return state('LOADING')
  const [key] = person
  const [word, detail] = hint
  if (word && !detail) return state(word.toUpperCase(), key)
  if (!key) return state('UNAUTHENTICATED', key, word === 'ended' ? detail : null)
  return state(detail === key ? 'AUTHENTICATED' : 'LOADING', key)
}

const state = (status: string, sessionKey: string | null = null, reason: string | null = null): State =>
  ({ status, sessionKey, user: null, reason, stale: false }) as State
