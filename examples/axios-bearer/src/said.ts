// What people read when a call did not work.

import { sessionErrorOf } from '@perennial/session'
import { isAxiosError } from 'axios'

/** The sentence of the service or of the API; ours where none of them said anything. */
export function said(error: unknown): string {
  const detail = isAxiosError<{ detail?: string }>(error) && error.response?.data?.detail
  if (detail) return detail
  return sessionErrorOf(error)?.message ?? 'Nobody answered. Nothing is lost: try again in a moment.'
}
