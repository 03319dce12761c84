// A request budget as a test.

import type { Session } from '../core/types.ts'

/**
 * Runs `scene` and throws unless exactly these requests went to the service: `{ token: 1 }` allows one renewal and nothing else. A request
 * counts as it leaves. Returns what `scene` returns.
 */
export async function expectRequests<Value>(
  session: Session,
  expected: Readonly<Record<string, number>>,
  scene: () => Value | Promise<Value>,
): Promise<Value> {
  const counted: Record<string, number> = {}
  const stop = session.on('request', ({ call }) => {
    counted[call] = (counted[call] ?? 0) + 1
  })
  const value = await Promise.resolve().then(scene).finally(stop)
  const wrong = [...new Set([...Object.keys(expected), ...Object.keys(counted)])]
    .filter((call) => (expected[call] ?? 0) !== (counted[call] ?? 0))
    .map((call) => `${call}: ${counted[call] ?? 0} instead of ${expected[call] ?? 0}`)
  if (wrong.length > 0) throw new Error(`requests to the service: ${wrong.join(', ')}`)
  return value
}
