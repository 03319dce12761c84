// A fake auth service and the API beside it, out of what is special about each: how a request for the API shows who
// asks, and what the auth service answers.

import { setTimeout as sleep } from 'node:timers/promises'

export const API_MS = 20

/** `tokens`: nothing where there is no access token. */
export function fake({ owns, tokens, admits, answer }) {
  let down = false
  return {
    owns,
    expire: () => tokens.expire(),
    presentedAgain: () => tokens?.presentedAgain ?? 0,
    goDown() {
      down = true
    },
    comeBack() {
      down = false
    },
    async serve({ kind, url, request, body }, response) {
      const { method, headers } = request
      const asked = { method, url, headers, cookies: cookiesOf(headers), body }
      if (kind === 'auth') return reply(response, down ? UNAVAILABLE : answer(asked))
      await sleep(API_MS)
      reply(response, { status: admits(asked) ? 200 : 401 })
    },
  }
}

const UNAVAILABLE = { status: 503, body: { error: 'temporarily_unavailable' } }

function reply(response, { status = 200, headers = {}, body = {}, html, to }) {
  if (to) return response.writeHead(302, { ...headers, location: to }).end()
  const type = html ? 'text/html' : 'application/json'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers })
  response.end(html ?? JSON.stringify(body))
}

function cookiesOf({ cookie = '' }) {
  const pairs = cookie.split('; ').map((pair) => pair.split('='))
  return Object.fromEntries(pairs.map(([name, ...value]) => [name, value.join('=')]))
}

export const bearerOf = ({ authorization = '' }) => authorization.replace(/^Bearer /, '')

/** A form or JSON body as an object. */
export function fieldsOf(body) {
  const text = String(body)
  return text.startsWith('{') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
}
