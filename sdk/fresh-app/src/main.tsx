//! What somebody writes on the first day, with the package as it is published.

import { createSession, sessionErrorOf } from '@perennial/session'
import { createFlows } from '@perennial/session/flows'
import { SessionProvider, useSession } from '@perennial/session/react'
import { createRoot } from 'react-dom/client'

declare module '@perennial/session' {
  interface Register {
    user: { id: string; plan: 'free' | 'paid' }
  }
}

const session = createSession()
const flows = createFlows(session)
/** Before anything was asked or rendered. */
const atOnce = session.state.status

async function logIn() {
  try {
    await flows.login({ email: 'demo@perennial.test', password: 'demo' })
  } catch (error) {
    document.title = sessionErrorOf(error)?.code ?? String(error)
  }
}

function App() {
  const state = useSession()
  // Only the user that is registered above has a plan.
  const plan = state.status === 'AUTHENTICATED' ? state.user?.plan : undefined
  return (
    <>
      <p id="status">{state.status}</p>
      <p id="at-once">{atOnce}</p>
      <p id="plan">{plan ?? 'none'}</p>
      <button type="button" onClick={logIn}>
        Log in
      </button>
    </>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <SessionProvider session={session}>
    <App />
  </SessionProvider>,
)
