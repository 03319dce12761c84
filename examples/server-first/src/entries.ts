// The app's own data, and its API. Whose entries they are is the session's to say.

import { atom, onMount } from 'nanostores'
import { $person, session } from './stores.ts'

export interface Entry {
  id: string
  text: string
}

export const $entries = atom<Entry[]>([])

// Whoever is here now, what is shown is theirs.
onMount($entries, () =>
  $person.subscribe((person) => {
    $entries.set([])
    if (person) load().catch(() => {})
  }),
)

export async function load(): Promise<void> {
  const person = $person.get()
  const { notes } = await api<{ notes: Entry[] }>('GET', '/notes')
  if ($person.get() === person) $entries.set(notes)
}

export const write = (text: string): Promise<void> => api('POST', '/notes', { text }).then(load)
export const remove = (id: string): Promise<void> => api('DELETE', `/notes/${id}`).then(load)

async function api<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await session.fetch(`/api${path}`, { method, ...json })
  if (!answer.ok) throw new Error((await answer.json()).detail)
  return (answer.status === 204 ? undefined : await answer.json()) as Answer
}
