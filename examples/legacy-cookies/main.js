import { show } from '../legacy/panels.js'
import * as client from './client.js'
import source from './client.js?raw'

show({
  lead: 'A client of server-rendered days, unchanged: it reads the csrftoken cookie for whatever changes something, and renews when it is told 401. It never is: the gateway renews while the request is under way. An access token lives for ten seconds here.',
  logout: '/api/auth/logout/',
  panels: [
    {
      id: 'csrf-cookie',
      title: 'fetch with X-CSRFToken',
      says: 'No token in sight of any script; everything is in cookies.',
      client,
      source,
    },
  ],
})
