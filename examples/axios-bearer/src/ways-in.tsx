import { useSession } from '@perennial/session/react'
import { Link, useNavigate } from 'react-router'
import { ending } from '../../shared/endings.ts'
import { Code, Credentials, Page } from '../../shared/parts.tsx'
import { said } from './said.ts'
import { api } from './session.ts'

/** The calls that the app made all along. The session reads their answers as they pass. */
const enter = (call: string, entry: object): Promise<unknown> =>
  api.post(`/accounts/auth/${call}/`, entry).catch((error) => Promise.reject(new Error(said(error))))

export function Login() {
  const why = ending(useSession((state) => state.reason))
  return (
    <Page name="Notebook" narrow>
      <div className="card">
        <h1>Sign in</h1>
        {why && <p className="message warning">{why}</p>}
        <Credentials action="Sign in" submit={(entry) => enter('login', entry)} />
        <p className="aside">
          New here? <Link to="/register">Make an account</Link>
        </p>
      </div>
    </Page>
  )
}

export function Register() {
  const navigate = useNavigate()
  return (
    <Page name="Notebook" narrow>
      <div className="card">
        <h1>Make an account</h1>
        <Credentials
          action="Continue"
          named
          submit={(entry) => enter('register', entry).then(() => navigate('/verify'))}
        />
        <p className="aside">
          You have one? <Link to="/login">Sign in</Link>
        </p>
      </div>
    </Page>
  )
}

export function Verify() {
  return (
    <Page name="Notebook" narrow>
      <div className="card">
        <h1>Look into your mail</h1>
        <p className="lead">
          Six digits are on their way to you. On this machine they end up in the <a href="/dev/mailbox">mailbox</a>.
        </p>
        <Code action="Confirm" submit={(code) => enter('verify-otp', { code })} />
      </div>
    </Page>
  )
}
