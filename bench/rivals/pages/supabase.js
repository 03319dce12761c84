import { AuthClient } from '@supabase/auth-js'
import { callWith, expose } from './app.js'

let shown = null
const auth = new AuthClient({ url: `${location.origin}/auth/v1`, storageKey: 'sb-app-auth-token' })
auth.onAuthStateChange((_event, session) => {
  shown = session ? 'in' : 'out'
})
const session = async () => (await auth.getSession()).data.session

expose({
  ask: async () => {
    shown = (await session()) ? 'in' : 'out'
  },
  shown: () => shown,
  call: async () => callWith((await session())?.access_token),
  login: () => auth.signInWithPassword({ email: 'demo@example.test', password: 'demo' }),
  logout: () => auth.signOut(),
})
