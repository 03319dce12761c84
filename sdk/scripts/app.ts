// Installs the packed package in a fresh Vite app, checks its types, builds it, and uses it in a real browser.
//
// A visitor's first page is the claim: it says who is there at once, and no request leaves for it. A login is tried
// then, so that no request leaving is not for want of anything that could send one.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, resolve } from 'node:path'
import { chromium } from 'playwright-core'

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

const target = resolve('../target/sdk')
const app = join(target, 'fresh-app')

rmSync(app, { recursive: true, force: true })
cpSync('fresh-app', app, { recursive: true, filter: (path) => !path.includes('node_modules') })
npm('ci')
npm('install', '--no-save', join(target, 'package.tgz'))
npm('run', 'build')
await use(join(app, 'dist'))
console.log('a fresh app with the packed package is built, and a visitor costs it no request')

function npm(order: string, ...words: string[]): void {
  const flags =
    order === 'run'
      ? ['--silent']
      : ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  const { status } = spawnSync('npm', [order, ...flags, ...words], { cwd: app, stdio: 'inherit' })
  assert.equal(status, 0, `npm ${order}`)
}

async function use(dist: string): Promise<void> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    const file = path === '/' ? '/index.html' : path
    if (request.method !== 'GET' || !['/index.html', '/assets/'].some((ours) => file.startsWith(ours))) {
      asked.push(`${request.method} ${path}`)
      response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{"code":"auth_unavailable"}')
      return
    }
    response
      .writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' })
      .end(readFileSync(join(dist, file)))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const browser = await chromium.launch({ executablePath: process.env.PERENNIAL_CHROMIUM, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`, { waitUntil: 'networkidle' })
    assert.equal(await page.textContent('#at-once'), 'UNAUTHENTICATED')
    assert.equal(await page.textContent('#status'), 'UNAUTHENTICATED')
    assert.deepEqual({ asked, complaints }, { asked: [], complaints: [] })

    await page.click('button')
    await page.waitForFunction(() => document.title === 'auth_unavailable')
    assert.ok(asked.length > 0, 'a login leaves')
  } finally {
    await browser.close()
    server.close()
  }
}
