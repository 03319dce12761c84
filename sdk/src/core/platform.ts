// The browser, as far as the core uses it. Nothing else in the package touches a global.
//
// Locks, channels and storage only save requests: where one is missing or throws, the rest works without.

import type { Platform } from './types.ts'

const LOCK_WAIT_MS = 1000

export function browserPlatform(): Platform {
  const page = globalThis.document
  return {
    fetch: (...words) => fetch(...words),
    href: page ? location.href : 'http://server',
    cookies: () => attempt(() => page.cookie) ?? '',
    now: clock(),
    random: Math.random,
    after: (ms, then) => page && setTimeout(then, ms),
    online: () => page && navigator.onLine,
    // Whoever waits too long for the lock goes on without it: `work` does no harm when it is done twice.
    alone: (name, work) =>
      page && navigator.locks
        ? navigator.locks.request(name, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, work).catch(work)
        : work(),
    channel(name, heard) {
      const channel = attempt(() => page && new BroadcastChannel(name))
      if (channel) channel.onmessage = ({ data }) => heard(data)
      return channel
    },
    read: (name) => attempt(() => JSON.parse(sessionStorage[name])),
    write: (name, value) => attempt(() => (sessionStorage[name] = JSON.stringify(value))),
    wakes(then) {
      const stop = new AbortController()
      for (const name of ['visibilitychange', 'focus', 'pageshow', 'online'])
        if (page) addEventListener(name, () => then(name === 'online'), stop)
      return () => stop.abort()
    },
  }
}

/** The time of day, without its steps back. A laptop's sleep counts. */
function clock(): () => number {
  let [now, before] = [0, Date.now()]
  return () => {
    const time = Date.now()
    now += Math.max(time - before, 0)
    before = time
    return now
  }
}

function attempt<Value>(work: () => Value): Value | null {
  try {
    return work()
  } catch {
    return null
  }
}
