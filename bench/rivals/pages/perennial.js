import { createSession } from '@perennial/session'
import { expose } from './app.js'

const session = createSession({ transport: TRANSPORT })
session.subscribe(() => {})
const WORDS = { AUTHENTICATED: 'in', UNAUTHENTICATED: 'out' }

expose({
  ask: () => session.ready(),
  shown: () => WORDS[session.state.status] ?? null,
  call: async () => (await session.fetch('/api/data')).status,
  logout: () => session.signOut(),
})
