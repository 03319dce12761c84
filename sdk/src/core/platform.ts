//! The browser, as far as the core uses it. Nothing else in the package touches a global.
//!
//! Locks, channels and storage only save requests: where one is missing or throws, the rest works without.

import type { Platform } from './types.ts'

const LOCK_WAIT_MS = 1000

export function browserPlatform(): Platform {
  const page = typeof document === 'undefined' ? null : document
  return {
    fetch: (...words) => globalThis.fetch(...words),
    href: page ? location.href : 'http://server.invalid/',
    cookies: () => attempt(() => page?.cookie ?? null),
    now: clock(),
    random: Math.random,
    after: (ms, then) => void (page && setTimeout(then, ms)),
    online: () => page !== null && navigator.onLine !== false,
    // What waits too long for the lock goes on without it: it is `work`'s own to be harmless when done twice.
    alone: (name, work) =>
      page && navigator.locks
        ? navigator.locks.request(name, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, work).catch(work)
        : work(),
    channel(name, heard) {
      const channel = attempt(() => (page ? new BroadcastChannel(name) : null))
      if (!channel) return null
      channel.onmessage = ({ data }) => heard(data)
      return { tell: (message) => attempt(() => channel.postMessage(message)), close: () => channel.close() }
    },
    read: (keep, name) => attempt(() => storage(keep).getItem(name)),
    write: (keep, name, value) =>
      attempt(() => (value === null ? storage(keep).removeItem(name) : storage(keep).setItem(name, value))),
    wakes(then) {
      if (!page) return () => {}
      const stop = new AbortController()
      const listen = (target: EventTarget, name: string, network = false) =>
        target.addEventListener(name, () => then(network), { signal: stop.signal })
      listen(page, 'visibilitychange')
      listen(window, 'focus')
      listen(window, 'pageshow')
      listen(window, 'online', true)
      return () => stop.abort()
    },
  }
}

/** Never a step back, and a laptop's sleep counts: whichever of the two clocks went further is believed. */
function clock(): () => number {
  let [now, running, wall] = [0, performance.now(), Date.now()]
  return () => {
    const [running_now, wall_now] = [performance.now(), Date.now()]
    now += Math.max(running_now - running, wall_now - wall, 0)
    running = running_now
    wall = wall_now
    return Math.floor(now)
  }
}

const storage = (keep: 'tab' | 'browser') => (keep === 'tab' ? sessionStorage : localStorage)

function attempt<Value>(work: () => Value): Value | null {
  try {
    return work()
  } catch {
    return null
  }
}
