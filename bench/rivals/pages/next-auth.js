import { SessionProvider, signOut, useSession } from 'next-auth/react'
import { mount } from './shell.js'

const WORDS = { authenticated: 'in', unauthenticated: 'out', loading: null }

mount({
  Provider: SessionProvider,
  useStatus: () => WORDS[useSession().status],
  login: () => fetch('/api/auth/callback/credentials', { method: 'POST' }).then(() => location.reload()),
  logout: () => signOut(),
})
