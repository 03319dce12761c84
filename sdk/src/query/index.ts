// TanStack Query: nothing of one person is left when another one is here, and nothing is retried in vain.

import type { QueryClient } from '@tanstack/react-query'
import type { Session } from '../core/types.ts'
import { sessionErrorOf } from '../index.ts'

const RETRIES = 3

/**
 * Empties the cache as soon as somebody else is here. Requests under way are cancelled, mutations that wait for the network are never
 * sent, and queries on screen start over as that person, without a glimpse of the former one's data (nor of `keepPreviousData`).
 */
export const bindQueryClient = (client: QueryClient, session: Session): (() => void) =>
  session.on('identity', () => {
    const queries = client.getQueryCache().getAll()
    const observers = queries.flatMap((query) => query.observers)
    // Observers remember former queries for their placeholders, so those have to be empty too.
    for (const query of queries) query.setState({ data: undefined, error: null, status: 'pending' })
    client.clear()
    for (const observer of observers) {
      const { options } = observer
      observer.setOptions({ ...options, placeholderData: undefined })
      observer.setOptions(options)
    }
  })

interface Failure {
  retryable?: boolean
  retryAfter?: number
  status?: number
  response?: { status?: number }
}

const origin = (error: unknown): Failure => sessionErrorOf(error) ?? ((error ?? {}) as Failure)

/** For `retry`: never what the session or the API said for good, three times what failed in passing. */
export function sessionRetry(failureCount: number, error: unknown): boolean {
  const { retryable, status, response } = origin(error)
  const code = status ?? response?.status ?? 0
  return failureCount < RETRIES && (retryable ?? (code < 400 || code > 499))
}

/** For `retryDelay`: what the service said, else TanStack's own default. */
export const sessionRetryDelay = (failureCount: number, error: unknown): number =>
  (origin(error).retryAfter ?? 0) * 1000 || Math.min(1000 * 2 ** failureCount, 30_000)
