// Everybody's notes, and two neighbours that refuse everybody: one for a reason that has nothing to do with a token, and
// one that finds no token good, however new it is.

import { createApi as createNotes } from '../shared/api.mjs'

export function createApi(issuer) {
  const notes = createNotes(issuer)
  return (request, response) => {
    const refuse = (detail, headers = {}) =>
      response.writeHead(401, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ detail }))
    if (request.url === '/api/partner') return refuse('Your account at our partner is closed.')
    if (request.url === '/api/misconfigured')
      return refuse('No good token', { 'www-authenticate': 'Bearer error="invalid_token"' })
    return notes(request, response)
  }
}
