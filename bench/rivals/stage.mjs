// One origin for one candidate: a page, an API of 20 ms and an auth service of 100 ms, all on loopback.

import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export const AUTH_MS = 100
export const API_MS = 20
const BODY_BYTES_MAX = 64 * 1024

const PAGE = `<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/app.js"></script>`
const BLANK = `<!doctype html><link rel="icon" href="data:,">`

/**
 * A wire says which paths are its auth service's (`owns`), answers them (`answer`) and whether a request for the
 * API carries something that is still good (`admits`); both may be replaced by a whole `forward`.
 */
export async function openStage(script, makeWire) {
  let down = false
  const stage = {
    served: 0,
    kindOf: url => kindOf(new URL(url), stage.wire),
    goDown: () => (stage.wire.goDown ? stage.wire.goDown() : (down = true)),
    comeBack: () => (stage.wire.comeBack ? stage.wire.comeBack() : (down = false)),
    close() {
      server.closeAllConnections()
      server.close()
    }
  }
  const server = createServer((request, response) =>
    serve(request, response).catch(error => response.writeHead(500).end(String(error)))
  )
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  stage.origin = `http://localhost:${server.address().port}`
  stage.wire = await makeWire(stage.origin)
  return stage

  async function serve(request, response) {
    const url = new URL(request.url, stage.origin)
    const kind = kindOf(url, stage.wire)
    if (kind === 'page') return page(url, response)
    if (kind === 'other') return response.writeHead(404).end()
    stage.served += 1
    const body = await read(request)
    await sleep(kind === 'auth' ? AUTH_MS : stage.wire.forward ? 0 : API_MS)
    if (stage.wire.forward) return stage.wire.forward(request, body, response)
    if (kind === 'api') return json(response, stage.wire.admits(request) ? { status: 200 } : { status: 401 })
    if (down) return json(response, { status: 503, body: { error: 'temporarily_unavailable' } })
    json(response, stage.wire.answer({ method: request.method, url, headers: request.headers, cookies: cookiesOf(request), body }))
  }

  function page(url, response) {
    if (url.pathname === '/app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
    response.writeHead(200, { 'content-type': 'text/html' }).end(url.pathname === '/blank' ? BLANK : PAGE)
  }
}

/** What a request is counted as: the same answer for the browser's count and for the server's. */
function kindOf(url, wire) {
  if (wire.owns.test(url.pathname)) return 'auth'
  if (url.pathname === '/api/data') return 'api'
  if (url.protocol === 'blob:') return 'page'
  return ['/', '/callback', '/blank', '/app.js'].includes(url.pathname) ? 'page' : 'other'
}

async function read(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new Error('a body larger than any here')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function json(response, { status = 200, headers = {}, body = {}, html, to }) {
  if (to) return response.writeHead(302, { ...headers, location: to }).end()
  const type = html ? 'text/html' : 'application/json'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers }).end(html ?? JSON.stringify(body))
}

export function cookiesOf(request) {
  const pairs = (request.headers.cookie ?? '').split('; ').map(pair => pair.split('='))
  return Object.fromEntries(pairs.map(([name, ...value]) => [name, value.join('=')]))
}

export const bearerOf = headers => (headers.authorization ?? '').replace(/^Bearer /, '')

/** A form or JSON body as an object. */
export function fieldsOf(body) {
  const text = String(body)
  return text.startsWith('{') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
}
