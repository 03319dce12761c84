// nanostores: real atoms, because `computed` takes no others. They listen only while somebody listens to them.

import { atom, onMount, type ReadableAtom } from 'nanostores'
import type { Session, State } from '../core/types.ts'

export interface Stores {
  $session: ReadableAtom<State>
  $csrfToken: ReadableAtom<string | null>
}

export function createStores(session: Session): Stores {
  const mirror = <Value>(read: () => Value): ReadableAtom<Value> => {
    const $value = atom(read())
    onMount($value, () => {
      const take = (): void => $value.set(read())
      const stop = session.subscribe(take)
      take()
      return stop
    })
    return $value
  }
  return { $session: mirror(() => session.state), $csrfToken: mirror(() => session.csrfToken) }
}
