// One origin for one candidate: a page, its API and an auth service that takes 100 ms, all on loopback.

import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const AUTH_MS = 100
const BODY_BYTES_MAX = 64 * 1024

const PAGE = `<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/app.js"></script>`
const BLANK = `<!doctype html><link rel="icon" href="data:,">`

/** A wire owns the paths of its auth service, and serves them and the API. */
export async function openStage(script, makeWire) {
  const server = createServer((request, response) =>
    serve(request, response).catch((error) => response.writeHead(500).end(String(error))),
  )
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://localhost:${server.address().port}`
  const wire = await makeWire(origin)
  const stage = {
    origin,
    wire,
    served: 0,
    kindOf: (url) => kindOf(new URL(url), wire),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return stage

  async function serve(request, response) {
    const url = new URL(request.url, origin)
    const kind = kindOf(url, wire)
    if (kind === 'page') return page(url, response)
    if (kind === 'other') return response.writeHead(404).end()
    stage.served += 1
    const body = await read(request)
    if (kind === 'auth') await sleep(AUTH_MS)
    await wire.serve({ kind, url, request, body }, response)
  }

  function page({ pathname }, response) {
    const [type, text] =
      pathname === '/app.js' ? ['javascript', script] : ['html', pathname === '/blank' ? BLANK : PAGE]
    response.writeHead(200, { 'content-type': `text/${type}` }).end(text)
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
