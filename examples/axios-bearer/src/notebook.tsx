import { useSession } from '@perennial/session/react'
import { useCallback, useEffect, useState } from 'react'
import { type Note, Notes, Page, Problem } from '../../shared/parts.tsx'
import { said } from './said.ts'
import { api, session } from './session.ts'
import { Trials } from './trials.tsx'

export function Notebook() {
  const user = useSession((state) => state.user)
  const [notes, setNotes] = useState<Note[] | null>(null)
  const [problem, setProblem] = useState('')

  const load = useCallback(
    () =>
      api.get<{ notes: Note[] }>('/notes').then(
        ({ data }) => {
          setNotes(data.notes)
          setProblem('')
        },
        (error) => setProblem(said(error)),
      ),
    [],
  )
  useEffect(() => {
    load()
  }, [load])

  const then = (call: Promise<unknown>) => call.then(load, (error) => Promise.reject(new Error(said(error))))

  return (
    <Page
      name="Notebook"
      ways={
        <button className="secondary small" type="button" onClick={() => session.signOut()}>
          Sign out
        </button>
      }
    >
      <div className="intro">
        <p className="eyebrow">{user?.email ?? 'Signed in'}</p>
        <h1>Your notes</h1>
      </div>
      <Problem>{problem}</Problem>
      <Notes
        notes={notes}
        add={(text) => then(api.post('/notes', { text }))}
        remove={(id) => then(api.delete(`/notes/${id}`))}
      />
      <Trials />
    </Page>
  )
}
