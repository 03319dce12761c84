// Where a router sends a person, said once for all routers: what is shown, never what is allowed. A page's data is the API's to refuse.

import type { Session, Status } from './core/types.ts'

/** The pages of the app that have to do with logging in. */
export interface Places {
  login?: string
  mfaVerify?: string
  mfaSetup?: string
  verifyEmail?: string
  /** Where somebody goes who is logged in and came to one of the pages above without a `?next=`. */
  home?: string
}

/**
 * What a `?next=` may be: a path of this origin as a browser reads it. Parsed first and judged afterwards, because browsers
 * take `\` for `/`, drop tabs and line ends, and shorten `/..//e` to the address of another host; what begins with an escaped ASCII
 * character could become such an address when a router decodes it.
 */
export function safePath(next: string | null): string | undefined {
  if (next?.[0] !== '/') return
  const { pathname, search, hash } = new URL(`http://o${next}`)
  return /^.(\/|%[0-7])/.test(pathname) ? undefined : pathname + search + hash
}

/** Where this person has to go from here, if anywhere. A state that is known costs no request; who is unknown even then stays. */
export async function destination(
  session: Session,
  pathname: string,
  search: string,
  { login = '/login', mfaVerify = '/mfa/verify', mfaSetup = '/mfa/setup', verifyEmail = '/verify', home = '/' }: Places,
): Promise<string | false | undefined> {
  const { status } = await session.ready()
  const pages: Partial<Record<Status, string>> = {
    LOADING: pathname,
    UNAUTHENTICATED: login,
    MFA_VERIFY_REQUIRED: mfaVerify,
    MFA_SETUP_REQUIRED: mfaSetup,
    VERIFY_EMAIL_REQUIRED: verifyEmail,
  }
  const page = pages[status]
  const leaves = [login, mfaVerify, mfaSetup, verifyEmail].includes(pathname)
  const next = leaves ? safePath(new URLSearchParams(search).get('next')) : pathname + search
  if (pathname === page) return
  if (page) return next ? `${page}?next=${encodeURIComponent(next)}` : page
  return leaves && (next ?? home)
}
