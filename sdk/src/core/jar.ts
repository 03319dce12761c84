//! What the readable cookies say (spec §4): the CSRF token, which begins with the session key, and the hint.

import type { Hint, Jar } from './machine.ts'

export function readJar(text: string, names: { csrf: string; hint: string }): { jar: Jar; csrf: string | null } {
  const pairs = text.split('; ')
  const find = (name: string) => pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
  const value = (name: string) => find(`__Host-${name}`) ?? find(name) ?? null
  const csrf = value(names.csrf)
  const hint = readHint(value(names.hint))
  return { jar: { person: csrf ? personOf(csrf) : (hint?.person ?? null), hint }, csrf }
}

export const personOf = (csrf: string | null): string | null => {
  const [person] = csrf?.split('.') ?? []
  return person && person !== 'anon' ? person : null
}

function readHint(text: string | null): Hint | null {
  const [status, first = null, rev = null] = text?.split('.') ?? []
  if (!status) return null
  if (status === 'ended') return { status, person: null, rev: null, reason: first }
  return { status: status as Hint['status'], person: rev && first, rev, reason: null }
}
