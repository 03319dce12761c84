import { useSelector } from 'react-redux'
import { ending } from '../../shared/endings.ts'
import { Code, Credentials, Page } from '../../shared/parts.tsx'
import { flows } from './session.ts'
import { selectReason } from './store.ts'

export function Login() {
  const reason = useSelector(selectReason)
  const why = reason === 'reuse' ? '' : ending(reason)
  return (
    <Page name="Desk" narrow>
      {reason === 'reuse' && <Stolen />}
      <div className="card">
        <h1>Sign in</h1>
        {why && <p className="message warning">{why}</p>}
        <Credentials action="Sign in" submit={(entry) => flows.login(entry)} />
      </div>
    </Page>
  )
}

/** What the service found out: one session, two holders. It cannot know which of them is the person, so it let both go. */
function Stolen() {
  return (
    <div className="message problem" role="alert">
      <strong>Your session was stolen</strong>
      <p>
        Somebody else used a copy of it, so it was ended for both of you. Sign in, then change your password and look at
        your devices.
      </p>
    </div>
  )
}

export function SecondFactor() {
  return (
    <Page name="Desk" narrow>
      <div className="card">
        <h1>One more step</h1>
        <p className="lead">The code that your authenticator shows now.</p>
        <Code action="Continue" submit={(code) => flows.mfaVerify({ code })} />
      </div>
    </Page>
  )
}
