import SuperTokens from 'supertokens-website'
import { callWith, expose } from './app.js'

let shown = null
SuperTokens.init({
  apiDomain: location.origin,
  onHandleEvent({ action }) {
    if (action === 'SESSION_CREATED') shown = 'in'
    if (action === 'SIGN_OUT' || action === 'UNAUTHORISED') shown = 'out'
  },
})

expose({
  ask: async () => {
    shown = (await SuperTokens.doesSessionExist()) ? 'in' : 'out'
  },
  shown: () => shown,
  call: () => callWith(),
  login: () => fetch('/auth/signin', { method: 'POST' }),
  logout: () => SuperTokens.signOut(),
})
