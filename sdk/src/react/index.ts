// React: subscribes and re-renders, nothing more. No effects of its own, so mounting twice costs nothing.

import {
  createContext,
  createElement,
  Fragment,
  type ReactNode,
  useContext,
  useMemo,
  useSyncExternalStore,
} from 'react'
import type { Session, State, Status } from '../core/types.ts'
import { LOADING } from '../loading.ts'

const Context = createContext<[Session, State] | null>(null)

interface Provided {
  session: Session
  /** What the server rendered (`sessionHint`), so that hydration shows the same. LOADING. */
  initial?: State
  children?: ReactNode
}

export function SessionProvider({ session, initial = LOADING, children }: Provided): ReactNode {
  const value: [Session, State] = useMemo(() => [session, initial], [session, initial])
  return createElement(Context.Provider, { value }, children)
}

function useProvided(): [Session, State] {
  const provided = useContext(Context)
  if (!provided) throw new Error('No <SessionProvider> above.')
  return provided
}

export const useSessionClient = (): Session => useProvided()[0]

/** The state, or what `select` makes of it; renders again only when that is another value. `select` runs once a state. */
export function useSession(): State
export function useSession<Selected>(select: (state: State) => Selected): Selected
export function useSession(select: (state: State) => unknown = whole): unknown {
  const [session, initial] = useProvided()
  const read = useMemo(() => {
    let of: State
    let selected: unknown
    return (state: State) => {
      if (of !== state) selected = select(state)
      of = state
      return selected
    }
  }, [select])
  return useSyncExternalStore(
    session.subscribe,
    () => read(session.state),
    () => read(initial),
  )
}

const whole = (state: State): State => state

interface Managed {
  routes?: Partial<Record<Status, ReactNode>>
  fallback?: ReactNode
  children?: ReactNode
}

/**
 * Renders what belongs to the status: `fallback` while LOADING, `children` where `routes` has nothing. Somebody in the middle of a login
 * stays on that step. What one person left in the components is gone when another one comes.
 */
export function SessionManager({ routes = {}, fallback, children }: Managed): ReactNode {
  const { status, sessionKey } = useSession()
  const page = status in routes ? routes[status] : status === 'LOADING' ? fallback : children
  return createElement(Fragment, { key: sessionKey }, page)
}
