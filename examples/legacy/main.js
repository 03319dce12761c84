import * as authRefresh from './clients/axios-auth-refresh.js'
import authRefreshSource from './clients/axios-auth-refresh.js?raw'
import * as interceptors from './clients/axios-interceptors.js'
import interceptorsSource from './clients/axios-interceptors.js?raw'
import * as fetchWrapper from './clients/fetch-wrapper.js'
import fetchWrapperSource from './clients/fetch-wrapper.js?raw'
import { show } from './panels.js'

show({
  lead: 'Three clients of the usual kind, unchanged: each sends its access token until that is refused, then renews it by a bare POST and tries again. They know nothing of us, nor of each other. An access token lives for ten seconds here.',
  logout: '/api/auth/logout',
  panels: [
    {
      id: 'axios-auth-refresh',
      title: 'axios-auth-refresh',
      says: 'The package from npm, as its README shows it. The token is in localStorage.',
      client: authRefresh,
      source: authRefreshSource,
    },
    {
      id: 'axios-interceptors',
      title: 'axios, by hand',
      says: 'Interceptors with a queue and a flag on the request. The token is in a variable.',
      client: interceptors,
      source: interceptorsSource,
    },
    {
      id: 'fetch-wrapper',
      title: 'fetch, by hand',
      says: 'A function around fetch, and one promise for everybody who waits.',
      client: fetchWrapper,
      source: fetchWrapperSource,
    },
  ],
})
