import { createAuthClient } from 'better-auth/react'
import { mount } from './shell.js'

const client = createAuthClient()

mount({
  useStatus() {
    const { data, isPending } = client.useSession()
    return isPending ? null : data ? 'in' : 'out'
  },
  login: () => client.signIn.email({ email: 'demo@example.test', password: 'demo' }),
  logout: () => client.signOut(),
})
