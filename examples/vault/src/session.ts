// The session of this app, once for all of it.

import { createSession } from '@perennial/session'
import { createFlows } from '@perennial/session/flows'

export const session = createSession()
export const flows = createFlows(session)

/** A call of the app's own API. It knows of no token, no refresh and no retry. */
export async function api<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await session.fetch(`/api${path}`, { method, ...json })
  if (!answer.ok) throw new Error((await answer.json()).detail)
  return (answer.status === 204 ? undefined : await answer.json()) as Answer
}
