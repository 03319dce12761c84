//! What the service's answers mean, on every wire: bare or in an envelope, whole or with few fields.

import type { Answer, Phase, Verdict } from './machine.ts'
import type { EndReason, User } from './types.ts'

export interface Body {
  type?: string
  code?: string
  detail?: string
  reason?: EndReason
  status?: Phase
  is_authenticated?: boolean
  session_key?: string | null
  user?: User | null
  access?: string | boolean
  expires_in?: number | null
  ended_reason?: string | null
  csrf_token?: string
}

/** The JSON of an answer, without its envelope; nothing where it is none. */
export async function bodyOf(response: Response): Promise<Body> {
  if (!response.headers.get('content-type')?.includes('json')) return {}
  const body = await response.json().catch(() => null)
  return (body?.success === true ? body.data : body) ?? {}
}

const PROBLEM = 'urn:perennial:problem:'
const VERDICTS: Record<string, Verdict> = {
  session_ended: 'ended',
  stale_token: 'stale',
  csrf_failed: 'csrf',
  identity_changed: 'identity',
  retry_with_body: 'body',
  auth_unavailable: 'unavailable',
  invalid_token: 'refused',
  not_authenticated: 'refused',
}

/** Only the service's own refusals count: an app may have codes of the same name. */
export const verdictOf = ({ type }: Body): Verdict | undefined =>
  type?.startsWith(PROBLEM) ? VERDICTS[type.slice(PROBLEM.length)] : undefined

export const isSessionAnswer = (body: Body): boolean =>
  typeof body.is_authenticated === 'boolean' || typeof body.access === 'string'

export function answerOf(body: Body, person: string | null, rev: string | null): Answer {
  const { status = 'authenticated', session_key, expires_in, ended_reason } = body
  return {
    status,
    person: session_key ?? (status === 'unauthenticated' ? null : person),
    reason: ended_reason ?? null,
    rev,
    serves_ms: typeof expires_in === 'number' ? expires_in * 1000 : null,
  }
}

export function waitOf(response: Response): number | null {
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
  return seconds >= 0 ? seconds * 1000 : null
}
