// TanStack Query: the notes, by axios. When somebody else is here, the cache is empty before anything is drawn.

import { bindQueryClient, sessionRetry } from '@perennial/session/query'
import { QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Note } from '../../shared/parts.tsx'
import { api, session } from './session.ts'

export const queryClient = new QueryClient({ defaultOptions: { queries: { retry: sessionRetry } } })
bindQueryClient(queryClient, session)

const NOTES = ['notes']

export const useNotes = () =>
  useQuery({
    queryKey: NOTES,
    queryFn: async ({ signal }) => (await api.get<{ notes: Note[] }>('/notes', { signal })).data.notes,
  })

function useChange<Input>(change: (input: Input) => Promise<unknown>) {
  const client = useQueryClient()
  return useMutation({ mutationFn: change, onSettled: () => client.invalidateQueries({ queryKey: NOTES }) })
}

export const useAddNote = () => useChange((text: string) => api.post('/notes', { text }))
export const useRemoveNote = () => useChange((id: string) => api.delete(`/notes/${id}`))
