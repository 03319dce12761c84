// The API of the applications: everybody's own notes. It knows no cookie and no refresh; it believes a JWT that
// Perennial signed, whether the gateway put it there or the page.

import { createRemoteJWKSet, jwtVerify } from 'jose'

const FIRST = ['Everything here is yours alone.', 'Leave this tab open for a week. You will still be logged in.']

/** @param {string} issuer where Perennial is */
export function createApi(issuer) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer))
  const notes = new Map()

  async function person(request) {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const { payload } = await jwtVerify(token, keys, { issuer, audience: 'api', typ: 'at+jwt' })
    return payload
  }

  return async (request, response) => {
    const answer = (status, body, headers = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
        .end(JSON.stringify(body))
    const payload = await person(request).catch(() => null)
    if (!payload)
      return answer(401, { detail: 'No good token' }, { 'www-authenticate': 'Bearer error="invalid_token"' })

    const { pathname } = new URL(request.url, issuer)
    if (pathname === '/api/me') return answer(200, { subject: payload.sub, session: payload.sid, aal: payload.aal })
    if (!notes.has(payload.sub)) notes.set(payload.sub, FIRST.map(note))
    const own = notes.get(payload.sub)
    const id = /^\/api\/notes\/([\w-]+)$/.exec(pathname)?.[1]

    if (request.method === 'GET' && pathname === '/api/notes') return answer(200, { notes: own })
    if (request.method === 'POST' && pathname === '/api/notes') {
      const text = await body(request)
      if (typeof text !== 'string' || text.trim() === '' || text.length > 500)
        return answer(422, { detail: 'Write something, up to 500 letters.' })
      own.unshift(note(text.trim()))
      return answer(201, own[0])
    }
    if (request.method === 'DELETE' && id) {
      notes.set(
        payload.sub,
        own.filter((one) => one.id !== id),
      )
      return response.writeHead(204).end()
    }
    answer(404, { detail: 'Nothing is here.' })
  }
}

const note = (text) => ({ id: crypto.randomUUID(), text })

async function body(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  try {
    return JSON.parse(Buffer.concat(parts).toString()).text
  } catch {
    return null
  }
}
