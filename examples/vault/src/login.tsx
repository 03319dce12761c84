// The steps of a login. A form hands over what was typed; where that leads is the guard's to say, from the session's new state.

import type { MfaSetup } from '@perennial/session/flows'
import { useSession } from '@perennial/session/react'
import { useState } from 'react'
import { Link, useLoaderData } from 'react-router'
import { ending } from '../../shared/endings.ts'
import { Code, Credentials, Page } from '../../shared/parts.tsx'
import { flows, session } from './session.ts'

export function Login() {
  const said = ending(useSession().reason)
  return (
    <Page name="Vault" narrow>
      <div className="card">
        <h1>Sign in</h1>
        {said && (
          <p className="message warning" role="status">
            {said}
          </p>
        )}
        <Credentials action="Sign in" submit={flows.login} />
      </div>
      <p className="aside">The terminal that started this shows two accounts.</p>
    </Page>
  )
}

export function VerifyMfa() {
  return (
    <Page name="Vault" narrow>
      <div className="card">
        <h1>Enter your code</h1>
        <p className="lead">Open your authenticator app and enter the code that it shows now.</p>
        <Code action="Continue" submit={(code) => flows.mfaVerify({ code })} />
      </div>
      <StartAgain />
    </Page>
  )
}

export function SetUpMfa() {
  const { secret, otpauth_uri, qr_svg } = useLoaderData<MfaSetup>()
  const [codes, setCodes] = useState<readonly string[] | null>(null)
  const confirm = async (code: string) => setCodes((await flows.mfaSetupConfirm({ code })).recovery_codes)
  if (codes) return <RecoveryCodes codes={codes} />
  return (
    <Page name="Vault" narrow>
      <div className="card">
        <h1>Protect your vault</h1>
        <p className="lead">
          A code from your phone proves that it is you. You need an authenticator app, such as the one in your password
          manager.
        </p>
        <div className="enrol">
          <img
            className="qr"
            src={`data:image/svg+xml,${encodeURIComponent(qr_svg)}`}
            alt="QR code for your authenticator app"
          />
          <div>
            <p>Scan the picture with your app.</p>
            <p>
              On your phone? <a href={otpauth_uri}>Open your app</a>
            </p>
          </div>
        </div>
        <details>
          <summary>Type a key instead</summary>
          <code className="secret">{secret}</code>
        </details>
        <Code action="Turn on" submit={confirm} />
      </div>
      <StartAgain />
    </Page>
  )
}

function RecoveryCodes({ codes }: { codes: readonly string[] }) {
  return (
    <Page name="Vault" narrow>
      <div className="card">
        <h1>Keep these codes</h1>
        <p className="lead">Each opens your vault once, should your phone be gone. They are shown only now.</p>
        <div className="codes">
          {codes.map((code) => (
            <code key={code}>{code}</code>
          ))}
        </div>
        <Link className="primary wide" to="/vault">
          I have kept them
        </Link>
      </div>
    </Page>
  )
}

function StartAgain() {
  return (
    <p className="aside">
      Not your account, or stuck?{' '}
      <button className="link" type="button" onClick={() => session.signOut()}>
        Start again
      </button>
    </p>
  )
}
