import { createAuth0Client } from '@auth0/auth0-spa-js'
import { callWith, expose } from './app.js'

let shown = null
const client = createAuth0Client({
  domain: location.origin,
  clientId: 'app',
  useRefreshTokens: true,
  useRefreshTokensFallback: true,
  cacheLocation: CACHE,
  authorizationParams: { redirect_uri: `${location.origin}/callback` },
}).then(async (client) => {
  if (location.pathname === '/callback') {
    await client.handleRedirectCallback()
    history.replaceState({}, '', '/')
  }
  return client
})

expose({
  ask: async () => {
    shown = (await (await client).isAuthenticated()) ? 'in' : 'out'
  },
  shown: () => shown,
  call: async () => callWith(await (await client).getTokenSilently()),
  login: async () => (await client).loginWithRedirect(),
  logout: async () => (await client).logout({ logoutParams: { returnTo: location.origin } }),
})
