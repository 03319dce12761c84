// What the app is for, and the frame of all pages that need a session.

import { isSessionError } from '@perennial/session'
import { SessionManager, useSession } from '@perennial/session/react'
import { useCallback, useEffect, useState } from 'react'
import { NavLink, Outlet } from 'react-router'
import { type Note, Notes, Page, Problem } from '../../shared/parts.tsx'
import { api, session } from './session.ts'

/** The frame alone: while nothing is known, and once a person is gone. */
export const Nothing = () => <Page name="Vault">{null}</Page>

const nothing = <Nothing />

/** Nothing of a person stays on the screen once they are gone; the guard then leads to the login. */
export function Inside() {
  return (
    <SessionManager
      fallback={nothing}
      routes={{ UNAUTHENTICATED: nothing, MFA_SETUP_REQUIRED: nothing, MFA_VERIFY_REQUIRED: nothing }}
    >
      <Page name="Vault" ways={<Ways />}>
        <Outlet />
      </Page>
    </SessionManager>
  )
}

function Ways() {
  return (
    <>
      <NavLink to="/vault">Notes</NavLink>
      <NavLink to="/devices">Devices</NavLink>
      <button className="secondary small" type="button" onClick={() => session.signOut()}>
        Sign out
      </button>
    </>
  )
}

export function Vault() {
  const name = useSession((state) => state.user?.name)
  const { notes, problem, add, remove } = useNotes()
  return (
    <>
      <div className="intro">
        <h1>{name ? `${name}’s vault` : 'Your vault'}</h1>
        <p className="lead">What you write down here, nobody else reads.</p>
      </div>
      <Problem>{problem}</Problem>
      <Notes notes={notes} add={add} remove={remove} />
    </>
  )
}

function useNotes() {
  const [notes, setNotes] = useState<Note[] | null>(null)
  const [problem, setProblem] = useState('')
  const load = useCallback(async () => {
    try {
      setNotes((await api<{ notes: Note[] }>('GET', '/notes')).notes)
      setProblem('')
    } catch (error) {
      // A session that is over is no news for this page: it is about to go.
      if (!isSessionError(error, 'session_ended') && !isSessionError(error, 'identity_changed'))
        setProblem(sentence(error))
    }
  }, [])
  useEffect(() => void load(), [load])
  const add = (text: string) =>
    api('POST', '/notes', { text }).then(load, (error) => {
      throw new Error(sentence(error))
    })
  const remove = (id: string) => api('DELETE', `/notes/${id}`).then(load, (error) => setProblem(sentence(error)))
  return { notes, problem, add, remove }
}

export const sentence = (error: unknown): string =>
  isSessionError(error, 'auth_unavailable') || error instanceof TypeError
    ? 'The server cannot be reached. Nothing is lost; try again in a moment.'
    : String(error instanceof Error ? error.message : error)
