// How many requests a session costs: ours and the rivals', scenario by scenario, counted at the browser's network in
// one run. See README.md.

import { existsSync } from 'node:fs'
import { basename, dirname, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { RIVALS } from './candidates.mjs'
import { environment, table, versionOf } from './report.mjs'
import { SCENARIOS } from './scenarios.mjs'
import { openStage } from './stage.mjs'
import { Visit } from './visit.mjs'
import { startPerennial } from './wires/perennial.mjs'

const TRANSPORTS = ['cookie', 'bearer']

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../..')
const sdk = resolve(root, 'sdk/src/index.ts')
const binary = process.env.PERENNIAL_BINARY ?? resolve(root, 'target/debug/perennial')
const executablePath = process.env.PERENNIAL_CHROMIUM ?? '/usr/bin/chromium'

/** So many profiles at a time: most of a run is waiting for tokens to expire. */
const LANES = 4
const SCENARIO_MS_MAX = 60_000

const LEGEND = `n/a: there is no access token apart from the session. Rotated before: refreshes that presented a refresh token which
had been rotated already. Told: other tabs that show the logout by themselves.`

async function scriptOf({ page, define = {} }) {
  const bundle = await build({
    entryPoints: [resolve(here, `pages/${page}.js`)],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    alias: { '@perennial/session': sdk },
    define: {
      'process.env': '{}',
      'process.env.NODE_ENV': '"production"',
      ...define,
    },
    write: false,
    logLevel: 'error',
  })
  return bundle.outputFiles[0].text
}

async function play(browser, candidate, scenario) {
  if (scenario.expires && candidate.hasAccessToken === false) return { none: 'n/a' }
  const stage = await openStage(candidate.script, (origin) =>
    candidate.wire(origin, { short: scenario.expires && !candidate.sleep }),
  )
  const context = await browser.newContext()
  try {
    const visit = new Visit(stage, context, candidate.sleep)
    const tooLong = sleep(SCENARIO_MS_MAX).then(() => Promise.reject(new Error(`not done after ${SCENARIO_MS_MAX} ms`)))
    const result = await Promise.race([scenario.run(visit), tooLong])
    visit.check()
    return result
  } catch (error) {
    return { none: `failed: ${error.message.split('\n')[0]}` }
  } finally {
    await context.close()
    stage.close()
  }
}

async function playAll(browser, candidates) {
  const jobs = candidates.flatMap((candidate) => SCENARIOS.map((scenario) => ({ candidate, scenario })))
  const results = new Map(candidates.map(({ name }) => [name, {}]))
  const lane = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const result = await play(browser, job.candidate, job.scenario)
      results.get(job.candidate.name)[job.scenario.name] = result
      console.error(`${job.candidate.name}: ${job.scenario.name}: ${JSON.stringify(result)}`)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}

/** Ours, in both transports; why not, where something is missing. */
async function ours() {
  const missing = [sdk, binary].find((path) => !existsSync(path))
  if (missing)
    return { candidates: [], missing: `Ours is missing: there is no \`${relative(root, missing)}\`.`, stop() {} }
  const started = await Promise.all(TRANSPORTS.map((transport) => startPerennial(binary, transport)))
  return {
    candidates: TRANSPORTS.map((transport, index) => ({
      name: `perennial, ${transport}`,
      page: 'perennial',
      define: { TRANSPORT: `'${transport}'` },
      wire: started[index].wire,
    })),
    stop: () => Promise.all(started.map(({ stop }) => stop())),
  }
}

/** One number, and behind it what makes it good or bad. */
function cell({ none, auth, again, shown, status = 200, survived, told }) {
  if (none) return none
  const notes = [
    again > 0 && `${again} rotated before`,
    (shown === 'out' || status !== 200 || survived === false) && 'logged out',
    told !== undefined && `${told} of 4 told`,
  ].filter(Boolean)
  return [`**${auth}**`, ...notes].join('; ')
}

const burst = ({ none, auth, api, ok, of, ms, again }) =>
  none ?? `${auth} + ${api}, ${ok} of ${of}, ${ms} ms${again > 0 ? `, ${again} rotated before` : ''}`

async function main(wanted) {
  const begun = Date.now()
  const us = await ours()
  const chosen = [...us.candidates, ...RIVALS].filter(({ name }) => name.includes(wanted))
  const candidates = await Promise.all(
    chosen.map(async (candidate) => ({ ...candidate, script: await scriptOf(candidate) })),
  )
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const tools = [
    `Chromium ${browser.version()}`,
    `playwright-core ${await versionOf('playwright-core')}`,
    ...(us.missing ? [] : [`perennial of \`target/${basename(dirname(binary))}\``]),
  ]
  const results = await playAll(browser, candidates)
  await Promise.all([browser.close(), us.stop()])

  const versions = await Promise.all(
    [...new Set(RIVALS.map(({ of }) => of))].map(async (of) => `${of} ${await versionOf(of)}`),
  )
  const columns = (say) => [
    ['scenario', (scenario) => scenario.name],
    ...candidates.map(({ name }) => [`${name}>`, (scenario) => say(results.get(name)[scenario.name])]),
  ]
  console.log(
    `${environment(...tools)} ${versions.join(', ')}. The run took ${Math.round((Date.now() - begun) / 1000)} s.`,
  )
  console.log(`\nAuth requests:\n\n${table(columns(cell), SCENARIOS)}`)
  console.log('\nCalls at once: auth requests + API requests, calls answered well, time until the last one:\n')
  console.log(
    table(
      columns(burst),
      SCENARIOS.filter(({ burst }) => burst),
    ),
  )
  console.log(`\n${LEGEND}`)
  if (us.missing) console.log(`\n${us.missing}`)
}

// A signal leaves no server behind.
process.once('SIGTERM', () => process.exit(143))
await main(process.argv[2] ?? '')
process.exit()
