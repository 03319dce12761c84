// What the service's answers mean, on every wire: bare or in an envelope, whole or with few fields.

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
  return (body?.success ? body.data : body) ?? {}
}

/** The code of a refusal of the service. An app's own codes do not count, whatever their names. */
export function verdictOf({ type = '', code }: Body): Verdict | undefined {
  if (!type.startsWith('urn:perennial:')) return
  return code === 'not_authenticated' ? 'invalid_token' : (code as Verdict)
}

export const isSessionAnswer = (body: Body): boolean =>
  typeof body.is_authenticated === 'boolean' || typeof body.access === 'string'

/** `person` is who it is about where it does not say. */
export function answerOf(body: Body, person: string | null, rev: string | null): Answer {
  const { status = 'authenticated', session_key, expires_in, ended_reason = null } = body
  const serves_ms = expires_in ? expires_in * 1000 : null
  return {
    status,
    person: session_key ?? (status === 'unauthenticated' ? null : person),
    reason: ended_reason,
    rev,
    serves_ms,
  }
}

/** Of `Retry-After`; dates are none of the service's. */
export function waitOf(response?: Response): number | null {
  const seconds = Number.parseInt(response?.headers.get('retry-after') ?? '', 10)
  return seconds >= 0 ? seconds * 1000 : null
}
