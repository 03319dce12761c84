// Redux Toolkit: `session.state` in the store, RTK Query's caches emptied with the person they belong to, requests through the session.

import type {
  BaseQueryFn,
  FetchArgs,
  FetchBaseQueryArgs,
  FetchBaseQueryError,
  FetchBaseQueryMeta,
} from '@reduxjs/toolkit/query'
import type { Session, State } from '../core/types.ts'
import { sessionErrorOf } from '../index.ts'
import { LOADING } from '../loading.ts'

const CHANGED = 'session/changed'

interface Action {
  type: string
  payload?: unknown
}

/** Mirrors `session.state`; put it under `session`. Only `bindStore` writes it. */
export const sessionReducer = (state: State | undefined, { type, payload }: Action): State =>
  type === CHANGED ? (payload as State) : (state ?? LOADING)

export const selectSession = ({ session }: { session: State }): State => session

interface Bound {
  /** RTK Query APIs to empty as soon as somebody else is here. Queries on screen ask again. */
  reset?: readonly { util: { resetApiState(): Action } }[]
}

/** Keeps the store in step with the session. For the finished store: Redux refuses to dispatch while middleware is being made. */
export function bindStore(
  store: { dispatch(action: Action): unknown },
  session: Session,
  { reset = [] }: Bound = {},
): () => void {
  const take = (): unknown => store.dispatch({ type: CHANGED, payload: session.state })
  const stops = [
    session.subscribe(take),
    session.on('identity', () => {
      for (const { util } of reset) store.dispatch(util.resetApiState())
    }),
  ]
  take()
  return () => {
    for (const stop of stops) stop()
  }
}

type BaseQuery = BaseQueryFn<string | FetchArgs, unknown, FetchBaseQueryError, object, FetchBaseQueryMeta>

/**
 * RTK Query's own `fetchBaseQuery` over `session.fetch`: no mutex, no re-authentication. Where the session has the last word, `error` is
 * `{ status: 'CUSTOM_ERROR', error: code, data: { reason, retryAfter, retryable } }`.
 */
export const sessionBaseQuery =
  (
    session: Session,
    fetchBaseQuery: (args?: FetchBaseQueryArgs) => BaseQuery,
    args?: Omit<FetchBaseQueryArgs, 'fetchFn'>,
  ): BaseQuery =>
  async (request, api, extra) => {
    let failure: unknown
    const fetchFn: typeof fetch = (...call) =>
      session.fetch(...call).catch((error) => {
        failure = error
        throw error
      })
    const result = await fetchBaseQuery({ ...args, fetchFn })(request, api, extra)
    const said = sessionErrorOf(failure)
    if (!said) return result
    const { code, reason, retryAfter, retryable } = said
    return {
      error: { status: 'CUSTOM_ERROR', error: code, data: { reason, retryAfter, retryable } },
      meta: result.meta,
    }
  }
