// Starts one application: its pages, its API, and Perennial in front of both.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { servePages } from './pages.mjs'

const EXAMPLES = fileURLToPath(new URL('..', import.meta.url))
const ROOT = join(EXAMPLES, '..')

export const applications = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, 'perennial.toml')))

/**
 * @param {string} name a folder of `examples/`
 * @param {{ port?: number, settings?: Record<string, string>, development?: boolean, log?: 'inherit' | 'ignore' }} options
 *   port 0: any that is free, and data that is forgotten afterwards. settings: `{ TOKENS__ACCESS_TTL: '3s' }`.
 *   development: the development build, in which React's StrictMode mounts everything twice.
 */
export async function start(name, { port = 0, settings = {}, development = false, log = 'ignore' } = {}) {
  const folder = join(EXAMPLES, name)
  const files = build(folder, development)
  const data = port === 0 ? mkdtempSync(join(tmpdir(), `perennial-${name}-`)) : join(folder, '.data')
  mkdirSync(data, { recursive: true })

  // Both listen before Perennial starts, so that it can be told their addresses; they are told its address afterwards.
  const [api, pages] = await Promise.all([listen(), listen()])
  const config = join(data, 'perennial.toml')
  writeFileSync(config, addressed(readFileSync(join(folder, 'perennial.toml'), 'utf8'), { api, pages }))
  const environment = { ...process.env, PERENNIAL__LOG__LEVEL: 'warn' }
  for (const [key, value] of Object.entries(settings)) environment[`PERENNIAL__${key}`] = value

  const perennial = spawn(...command(['dev', '--config', config, '--data', data, '--listen', `127.0.0.1:${port}`]), {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'pipe', log],
  })
  // However this process ends, nothing that it started outlives it.
  const endToo = () => perennial.kill('SIGTERM')
  process.once('exit', endToo)
  perennial.once('exit', () => process.off('exit', endToo))
  const ended = new Promise((done) => perennial.once('exit', done))
  const url = await address(perennial)

  const own = existsSync(join(folder, 'api.mjs')) ? join(folder, 'api.mjs') : join(EXAMPLES, 'shared', 'api.mjs')
  const module = await import(own)
  api.on('request', module.createApi(url))
  pages.on('request', servePages(files))

  return {
    url,
    /** The folder of its data. */
    data,
    ended,
    /** The server of the API: tests listen to what reaches it. */
    api,
    accounts: module.accounts ?? JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8')).accounts,
    /** Another command of the same Perennial, over the same data: `run('session', 'issue', …)`. Answers what it printed. */
    run(...words) {
      const [program, all] = command(words)
      const env = {
        ...environment,
        PERENNIAL_CONFIG: config,
        PERENNIAL__SERVER__PUBLIC_URL: url,
        PERENNIAL__STORE__URL: `sqlite:${join(data, 'perennial.db')}`,
        PERENNIAL__KEYS__DIR: join(data, 'keys'),
        // Only `dev` keeps mail itself. These commands send none, and ask all the same.
        PERENNIAL__MAIL__SMTP_URL: 'smtp://127.0.0.1:1',
        PERENNIAL__MAIL__FROM: 'nobody@perennial.test',
      }
      const done = spawnSync(program, all, { cwd: ROOT, encoding: 'utf8', env })
      if (done.status !== 0) throw new Error(`perennial ${words.join(' ')}: ${done.stderr}`)
      return done.stdout
    },
    async stop() {
      perennial.kill('SIGTERM')
      for (const server of [api, pages]) server.close().closeAllConnections()
      await ended
      if (port === 0) rmSync(data, { recursive: true, force: true })
    },
  }
}

/** `PERENNIAL_BIN`, or what cargo builds. */
function command(words) {
  const binary = process.env.PERENNIAL_BIN
  return binary ? [binary, words] : ['cargo', ['run', '--release', '--quiet', '-p', 'perennial', '--', ...words]]
}

async function listen() {
  const server = createServer()
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return server
}

/** The configuration with the addresses that were free: 9000 stands for the API, 3000 for the pages. */
function addressed(config, { api, pages }) {
  return config
    .replaceAll('127.0.0.1:9000', `127.0.0.1:${api.address().port}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${pages.address().port}`)
}

/** Where Perennial says that it listens, once it does. */
function address(perennial) {
  return new Promise((found, failed) => {
    let said = ''
    perennial.stdout.on('data', (text) => {
      said += text
      const url = /keeps people logged in: (\S+)/.exec(said)?.[1]
      if (url && said.includes('log in ')) found(url)
    })
    perennial.once('error', failed)
    perennial.once('exit', (code) => failed(new Error(`perennial ended with ${code} before it was ready:\n${said}`)))
  })
}

/** The SDK when it is older than its sources, then the application, when it has anything to build. Answers where its files are. */
function build(folder, development) {
  const kind = development ? 'development' : 'production'
  const files = join(folder, 'dist', kind)
  const sdk = join(ROOT, 'sdk')
  if (newest(join(sdk, 'src')) > newest(join(sdk, 'dist'))) {
    if (!existsSync(join(sdk, 'node_modules'))) node('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], sdk)
    node('npm', ['run', '--silent', 'build'], sdk)
  }
  if (existsSync(join(folder, 'index.html'))) {
    const vite = join(EXAMPLES, 'node_modules/vite/bin/vite.js')
    const words = ['build', '--config', '../vite.config.mjs', '--outDir', `dist/${kind}`, '--emptyOutDir']
    node(process.execPath, [vite, ...words], folder, { NODE_ENV: kind })
  }
  return files
}

function node(program, words, cwd, environment = {}) {
  const done = spawnSync(program, words, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (done.status !== 0) throw new Error(`${program} ${words.join(' ')} failed in ${cwd}`)
}

function newest(folder) {
  if (!existsSync(folder)) return 0
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Math.max(0, ...files.map((file) => statSync(join(file.parentPath, file.name)).mtimeMs))
}
