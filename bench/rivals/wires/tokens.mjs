// Access and refresh tokens of a fake auth service: rotated at each use, and a rotated one that comes back is
// answered all the same, but counted: a strict service would end the session there.

import { setTimeout as sleep } from 'node:timers/promises'

const LONG_MS = 3_600_000
const SHORT_MS = 4_000

export class Tokens {
  #issued = 0
  #deadlines = new Map()
  #live = new Set()
  #spent = new Set()
  #lifetime
  /** Refreshes that presented a refresh token which had been rotated already. */
  presentedAgain = 0

  /** `short`: access tokens live for seconds, until the next `expire`. */
  constructor({ short }) {
    this.#lifetime = short ? SHORT_MS : LONG_MS
  }

  issue() {
    this.#issued += 1
    const seconds = Math.floor(Date.now() / 1000)
    const access = unsigned({
      sub: 'user-1',
      iat: seconds,
      exp: seconds + Math.ceil(this.#lifetime / 1000),
      jti: `${this.#issued}`,
    })
    const refresh = `refresh-${this.#issued}`
    this.#live.add(refresh)
    this.#deadlines.set(access, Date.now() + this.#lifetime)
    return { access, refresh, lifetime: this.#lifetime }
  }

  /** New tokens, or null for a refresh token that was never given out. */
  refresh(presented) {
    if (this.#spent.has(presented)) this.presentedAgain += 1
    else if (!this.#live.delete(presented)) return null
    this.#spent.add(presented)
    return this.issue()
  }

  admits(access) {
    return Date.now() < (this.#deadlines.get(access) ?? 0)
  }

  /** No access token given out so far is good afterwards: short ones die, and libraries count in whole seconds. */
  async expire() {
    if (this.#lifetime === SHORT_MS) await sleep(SHORT_MS + 1_100)
    this.#deadlines.clear()
    this.#lifetime = LONG_MS
  }
}

/** A JWT that nobody verifies: the libraries here read claims and leave signatures to servers. */
export function unsigned(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT', kid: 'fake' })}.${part(claims)}.c2ln`
}
