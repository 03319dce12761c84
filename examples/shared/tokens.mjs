// What tests of tokens need beside `testing.mjs`: time that passes for the service, tokens that die, and what became of them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { cookie, eventually } from './testing.mjs'

/** Moves every session's past back, as if so much time had gone by: a cooldown is over at once. Access tokens know nothing of it. */
export function pass(app, seconds) {
  const database = new DatabaseSync(join(app.data, 'perennial.db'))
  const back = (column) => `${column} = ${column} - ${seconds * 1000}`
  database.exec(
    `PRAGMA busy_timeout = 5000; UPDATE session SET ${['created_at', 'active_at', 'delivered_at'].map(back).join(', ')}`,
  )
  database.close()
}

/** How often the refresh token of this jar was replaced since the login. */
export async function generation(jar) {
  const token = await cookie(jar, 'refreshtoken')
  return token ? Buffer.from(token.slice('prn1.'.length), 'base64url').readUInt32BE(18) : null
}

/** The access tokens that the pages of this jar send, newest last. */
export function bearers(jar) {
  const seen = []
  jar.on('request', (request) => {
    const token = /^Bearer (\S+\.\S+)$/.exec(request.headers().authorization ?? '')?.[1]
    if (token && !seen.includes(token)) seen.push(token)
  })
  return seen
}

/** Until the API refuses this access token, or every one of these. */
export function outlived(app, ...tokens) {
  const refused = async (token) =>
    (await fetch(`${app.url}/api/me`, { headers: { authorization: `Bearer ${token}` } })).status === 401
  return eventually(
    'an access token that died',
    async () => (await Promise.all(tokens.map(refused))).every(Boolean),
    30_000,
  )
}

/** What the service made of all refreshes so far: `{ rotated: 1, cooldown: 19 }`. */
export async function refreshes(app) {
  const { admin_url: admin } = JSON.parse(readFileSync(join(app.data, 'dev.json'), 'utf8'))
  const metrics = await (await fetch(`${admin}/metrics`)).text()
  return Object.fromEntries(
    [...metrics.matchAll(/^perennial_refresh_total\{outcome="(\w+)"\} (\d+)/gm)].map(([, outcome, count]) => [
      outcome,
      Number(count),
    ]),
  )
}

/** The sessions of this person that are alive. */
export const sessionsOf = (app, email) =>
  app
    .run('session', 'list', '--subject', app.subject(email))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
