// Ours: the real binary, its gateway in front of a small API. The stage forwards to it, so that its answers to auth
// calls take as long as the rivals' do.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request as send } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { API_MS } from './fake.mjs'

/** Long enough that what was renewed does not expire before everybody is answered, on a busy machine too. */
const SHORT_MS = 8_000
const START_MS_MAX = 30_000

/** Starts `perennial dev` once for tokens that last and once for tokens that live for seconds. */
export async function startPerennial(binary, transport) {
  const api = createServer(async (_, response) => {
    await sleep(API_MS)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve))
  const upstream = `http://127.0.0.1:${api.address().port}`
  const lasting = await start(binary, settings({ transport, upstream, accessTtl: '15m' }))
  // The cooldown is over when such a token dies, so that each renewal is a rotation.
  const short = await start(
    binary,
    settings({ transport, upstream, accessTtl: `${SHORT_MS}ms`, cooldown: '2s', overlap: '500ms' }),
  )
  return {
    wire: (_, options) => wireOf(options.short ? short : lasting),
    async stop() {
      await Promise.all([lasting.stop(), short.stop()])
      api.closeAllConnections()
      api.close()
    },
  }
}

const WIRES = { cookie: '', bearer: 'rotating-bearer' }

const settings = ({ transport, upstream, accessTtl, cooldown = '2m', overlap = '30s' }) => `
[http]
wire = "${WIRES[transport]}"
[tokens]
transport = "${transport}"
access_ttl = "${accessTtl}"
jitter = 0.0
cooldown = "${cooldown}"
overlap = "${overlap}"
[[gateway.routes]]
path = "/api"
upstream = "${upstream}"
`

async function start(binary, toml) {
  const directory = await mkdtemp(join(tmpdir(), 'perennial-rivals-'))
  const [config, data] = [join(directory, 'perennial.toml'), join(directory, 'data')]
  await writeFile(config, toml)
  const child = spawn(binary, ['dev', '--config', config, '--listen', '127.0.0.1:0', '--data', data], {
    stdio: 'ignore',
  })
  process.once('exit', () => child.kill())
  const stop = async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit')
    await rm(directory, { recursive: true })
  }
  const until = Date.now() + START_MS_MAX
  while (!existsSync(join(data, 'dev.json'))) {
    if (child.exitCode !== null || Date.now() > until) throw new Error('`perennial dev` did not start')
    await sleep(100)
  }
  const notes = JSON.parse(await readFile(join(data, 'dev.json'), 'utf8'))
  return { ...notes, database: join(data, 'perennial.db'), stop }
}

function wireOf({ url, accounts: [account], database }) {
  const owns = /^\/auth\//
  const spent = new Set()
  let again = 0
  let lock

  /** Auth requests only: parallel requests for the API carry one refresh token, and the gateway answers them all. */
  function note(request, answer) {
    const [presented] = refreshTokens(request.headers.cookie)
    if (owns.test(request.url) && spent.has(presented)) again += 1
    if (refreshTokens(answer.headers['set-cookie']?.join('; ')).length > 0) spent.add(presented)
  }

  return {
    owns,
    serve: ({ request, body }, response) => forward(new URL(url), request, body, response, note),

    async logIn(context) {
      const { csrf_token: token } = await (await context.request.get(`${url}/auth/session`)).json()
      const { email, password } = account
      const answer = await context.request.post(`${url}/auth/login`, {
        data: { email, password },
        headers: { 'X-CSRFToken': token, origin: url },
      })
      if (!answer.ok()) throw new Error(`login: ${answer.status()} ${await answer.text()}`)
    },

    expire: () => sleep(SHORT_MS + 500),

    presentedAgain: () => again,

    /** No rotation can be written while another process holds the database: the service's own 503. */
    async goDown() {
      const { DatabaseSync } = await import('node:sqlite')
      lock = new DatabaseSync(database)
      lock.exec('BEGIN IMMEDIATE')
    },
    comeBack() {
      lock.exec('ROLLBACK')
      lock.close()
    },
  }
}

const refreshTokens = (cookies = '') => [...cookies.matchAll(/\brefreshtoken[^=]*=([^;]+)/g)].map(([, token]) => token)

function forward({ hostname, port, host }, request, body, response, note) {
  const onward = send({
    hostname,
    port,
    method: request.method,
    path: request.url,
    headers: { ...request.headers, host },
  })
  return new Promise((resolve, reject) => {
    onward.on('error', reject)
    onward.on('response', (answer) => {
      note(request, answer)
      response.writeHead(answer.statusCode, answer.rawHeaders)
      answer.pipe(response).on('close', resolve)
    })
    onward.end(body)
  })
}
