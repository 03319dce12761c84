// What the React applications look like. Nothing here knows of a session: forms hand over what was typed and show what was refused.

import { type FormEvent, type ReactNode, useState } from 'react'
import './meter.js'
import './style.css'

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'request-meter': object
    }
  }
}

export function Mark() {
  return (
    <svg
      className="mark"
      viewBox="0 0 32 32"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M12 28.1a12.8 12.8 0 1 1 8 0" />
      <path d="M16 29V14.5" />
      <path
        fill="currentColor"
        d="M16 21.5c-4.9 0-7-2.7-7-6.8 4.9 0 7 2.7 7 6.8Zm0-5.2c0-4.7 2.4-7.3 7-7.8 0 5-2.4 7.8-7 7.8Z"
      />
    </svg>
  )
}

/** A page: the name of the application, ways to elsewhere, what there is to see, and what it cost. */
export function Page({
  name,
  ways,
  narrow = false,
  children,
}: {
  name: string
  ways?: ReactNode
  narrow?: boolean
  children: ReactNode
}) {
  return (
    <div className={narrow ? 'page narrow' : 'page'}>
      <header className="masthead">
        <span className="brand">
          <Mark />
          {name}
        </span>
        {ways && <nav className="ways">{ways}</nav>}
      </header>
      <main>{children}</main>
      <request-meter />
    </div>
  )
}

/** What a form says while it works, and when it was refused. */
export function useSubmit(submit: (form: FormData) => Promise<unknown>) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    setBusy(true)
    setProblem('')
    try {
      await submit(new FormData(form))
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  return { busy, problem, onSubmit }
}

export const Problem = ({ children }: { children: ReactNode }) =>
  children ? (
    <p className="message problem" role="alert">
      {children}
    </p>
  ) : null

/** E-mail address and password, and a name where `named`. */
export function Credentials({
  action,
  named = false,
  submit,
}: {
  action: string
  named?: boolean
  submit(entry: { email: string; password: string; name: string }): Promise<unknown>
}) {
  const text = (form: FormData, name: string) => String(form.get(name) ?? '')
  const { busy, problem, onSubmit } = useSubmit((form) =>
    submit({ email: text(form, 'email'), password: text(form, 'password'), name: text(form, 'name') }),
  )
  return (
    <form onSubmit={onSubmit}>
      <Problem>{problem}</Problem>
      {named && (
        <div className="field">
          <label htmlFor="name">Name</label>
          <input id="name" name="name" autoComplete="name" maxLength={100} />
        </div>
      )}
      <div className="field">
        <label htmlFor="email">E-mail address</label>
        <input
          id="email"
          name="email"
          type="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
        />
      </div>
      <div className="field">
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autoComplete={named ? 'new-password' : 'current-password'}
          required
        />
      </div>
      <button className="primary wide" type="submit" disabled={busy}>
        {action}
      </button>
    </form>
  )
}

/** Six digits. */
export function Code({ action, submit }: { action: string; submit(code: string): Promise<unknown> }) {
  const { busy, problem, onSubmit } = useSubmit((form) => submit(String(form.get('code') ?? '').replaceAll(' ', '')))
  return (
    <form onSubmit={onSubmit}>
      <Problem>{problem}</Problem>
      <div className="field">
        <label htmlFor="code">Six-digit code</label>
        <input
          className="code"
          id="code"
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={16}
          required
          aria-invalid={problem !== ''}
        />
      </div>
      <button className="primary wide" type="submit" disabled={busy}>
        {action}
      </button>
    </form>
  )
}

export interface Note {
  id: string
  text: string
}

/** The person's notes, with a line to write another. `null`: not there yet. */
export function Notes({
  notes,
  add,
  remove,
}: {
  notes: Note[] | null
  add(text: string): Promise<unknown>
  remove(id: string): Promise<unknown>
}) {
  const [text, setText] = useState('')
  const { busy, problem, onSubmit } = useSubmit(async () => {
    await add(text)
    setText('')
  })
  return (
    <>
      <form className="compose" onSubmit={onSubmit}>
        <input
          aria-label="A new note"
          placeholder="Write something down"
          value={text}
          onChange={(event) => setText(event.target.value)}
          maxLength={500}
          required
        />
        <button className="primary" type="submit" disabled={busy}>
          Keep
        </button>
      </form>
      <Problem>{problem}</Problem>
      {notes?.length === 0 && <p className="empty">Nothing is written down yet.</p>}
      <ul className="notes" aria-label="Notes" aria-busy={notes === null}>
        {notes?.map((note) => (
          <li key={note.id}>
            <span>{note.text}</span>
            <button
              className="remove"
              type="button"
              aria-label={`Remove “${note.text}”`}
              onClick={() => remove(note.id)}
            >
              <svg
                viewBox="0 0 20 20"
                width="18"
                height="18"
                fill="none"
                stroke="currentColor"
                strokeWidth="1.8"
                strokeLinecap="round"
                aria-hidden="true"
              >
                <path d="m5.5 5.5 9 9m0-9-9 9" />
              </svg>
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}
