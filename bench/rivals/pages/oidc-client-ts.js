import { UserManager, WebStorageStateStore } from 'oidc-client-ts'
import { callWith, expose } from './app.js'

let shown = null
const manager = new UserManager({
  authority: `${location.origin}/oidc`,
  client_id: 'app',
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: 'openid offline_access',
  userStore: new WebStorageStateStore({ store: localStorage }),
})
manager.events.addUserLoaded(() => {
  shown = 'in'
})
manager.events.addUserUnloaded(() => {
  shown = 'out'
})
if (location.pathname === '/callback') {
  await manager.signinRedirectCallback()
  history.replaceState({}, '', '/')
}
const user = async () => {
  const known = await manager.getUser()
  return known?.expired ? await manager.signinSilent() : known
}

expose({
  ask: async () => {
    shown = (await user()) ? 'in' : 'out'
  },
  shown: () => shown,
  call: async () => callWith((await user())?.access_token),
  login: () => manager.signinRedirect(),
  logout: () => manager.signoutRedirect(),
})
