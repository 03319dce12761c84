import './desk.css'
import { useSessionClient } from '@perennial/session/react'
import { useDispatch, useSelector } from 'react-redux'
import { Notes, Page, Problem } from '../../shared/parts.tsx'
import { Account } from './account.tsx'
import { useAddNote, useNotes, useRemoveNote } from './notes.ts'
import { searched, selectDesk, selectPerson, shown, type View } from './store.ts'

const VIEWS: [View, string][] = [
  ['notes', 'Notes'],
  ['account', 'Account'],
]

export function Desk() {
  const session = useSessionClient()
  const dispatch = useDispatch()
  const { view } = useSelector(selectDesk)
  const ways = (
    <>
      {VIEWS.map(([name, label]) => (
        <a
          key={name}
          href={`#${name}`}
          aria-current={view === name ? 'page' : undefined}
          onClick={() => dispatch(shown(name))}
        >
          {label}
        </a>
      ))}
      <button className="secondary small" type="button" onClick={() => session.signOut()}>
        Sign out
      </button>
    </>
  )
  return (
    <Page name="Desk" ways={ways}>
      {view === 'notes' ? <YourNotes /> : <Account />}
    </Page>
  )
}

function YourNotes() {
  const dispatch = useDispatch()
  const person = useSelector(selectPerson)
  const { search } = useSelector(selectDesk)
  const { data, error } = useNotes()
  const add = useAddNote()
  const remove = useRemoveNote()
  const found = data?.filter(({ text }) => text.toLowerCase().includes(search.toLowerCase()))
  return (
    <>
      <div className="head">
        <div className="intro">
          <p className="eyebrow">{person?.email ?? 'Signed in'}</p>
          <h1>Your notes</h1>
        </div>
        <input
          type="search"
          aria-label="Search your notes"
          placeholder="Search"
          value={search}
          onChange={(event) => dispatch(searched(event.target.value))}
        />
      </div>
      <Problem>{error && 'Nobody answered. What you see here may be old; nothing is lost.'}</Problem>
      <Notes notes={found ?? null} add={add.mutateAsync} remove={remove.mutateAsync} />
    </>
  )
}
