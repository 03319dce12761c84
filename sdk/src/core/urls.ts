// Where the service is, and which requests carry credentials.

import type { Call, Options } from './types.ts'

export interface Urls {
  of(call: string, path?: string): string
  /** For the service: needs no session, and never causes a refresh. */
  isOpen(url: URL): boolean
  /** For the app's API: carries credentials. */
  isApi(url: URL): boolean
}

export function urlsOf(options: Options, page: string): Urls {
  const { base = '/auth', paths = {}, api = ['/'], open = [] } = options
  const absolute = (url: string) => new URL(url, page)
  const within = (prefixes: readonly string[]) => {
    const urls = prefixes.map(absolute)
    return (url: URL) => urls.some((prefix) => isWithin(url, prefix))
  }
  return {
    of: (call, path = call) => absolute(paths[call as Call] ?? `${base.replace(/\/$/, '')}/${path}`).href,
    isOpen: within([base, ...Object.values(paths), ...open]),
    isApi: within(api),
  }
}

/** By origin and whole path segments: `/api` holds `/api/x`, and neither `/apis` nor another host's `/api`. */
export function isWithin({ origin, pathname }: URL, prefix: URL): boolean {
  return origin === prefix.origin && `${pathname}/`.startsWith(`${prefix.pathname.replace(/\/$/, '')}/`)
}
