// What the readable cookies say (spec §4): the CSRF token, which begins with the session key, and the hint.

import type { Jar } from './machine.ts'

export function readJar(text: string, names: { csrf: string; hint: string }): Jar & { csrf: string | null } {
  const pairs = text.split('; ')
  const find = (name: string) => pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
  const value = (name: string) => find(`__Host-${name}`) ?? find(name) ?? null
  const csrf = value(names.csrf)
  const [status = null, of = null, rev = null] = value(names.hint)?.split('.') ?? []
  return { person: personOf(csrf), status: status as Jar['status'], of, rev, csrf }
}

export const personOf = (csrf: string | null): string | null => {
  const [person] = csrf?.split('.') ?? []
  return person && person !== 'anon' ? person : null
}
