//! The documentation of the SDK is held to what it documents: its code compiles, its pages are short, its links lead somewhere.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { isSessionError, SessionError } from '../../src/index.ts'

const SDK = join(import.meta.dirname, '../..')
const DOCS = join(SDK, '../docs/sdk')
/** Below `node_modules`, where the libraries of the examples are found and nothing of it is ever committed. */
const OUT = join(SDK, 'node_modules/.docs')
const PASTE_LINES_MAX = 15

const pages = readdirSync(DOCS).filter((name) => name.endsWith('.md'))
const text = (page: string): string => readFileSync(join(DOCS, page), 'utf8')

interface Example {
  page: string
  file: string
  code: string
}

/** The blocks that begin with the name of their file. */
const examples: Example[] = pages.flatMap((page) =>
  [...text(page).matchAll(/^```(?:tsx?)\n\/\/ (\S+)\n([\s\S]*?)^```/gm)].map(([, file = '', code = '']) => ({
    page,
    file,
    code,
  })),
)

/** What the declaration on the first page is for. */
const REGISTERED = `
import { useSession } from '@perennial/session/react'

const { user } = useSession()
export const plan: 'free' | 'paid' | undefined = user?.plan
// @ts-expect-error not a field of that user
export const nick = user?.nick
`

function compile(): string {
  rmSync(OUT, { recursive: true, force: true })
  for (const { page, file, code } of examples) {
    const folder = join(OUT, page.replace('.md', ''))
    mkdirSync(folder, { recursive: true })
    copyFileSync(join(import.meta.dirname, 'pages.tsx'), join(folder, 'pages.tsx'))
    writeFileSync(join(folder, file), code)
  }
  writeFileSync(join(OUT, 'README/registered.ts'), REGISTERED)
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: {
      module: 'esnext',
      moduleResolution: 'bundler',
      jsx: 'react-jsx',
      isolatedDeclarations: false,
      declaration: false,
      declarationMap: false,
      noImplicitReturns: false,
      paths: {
        '@perennial/session': ['../../src/index.ts'],
        '@perennial/session/*': ['../../src/*/index.ts'],
      },
    },
    include: [],
    files: ['README/registered.ts', ...examples.map(({ page, file }) => join(page.replace('.md', ''), file))],
  }
  writeFileSync(join(OUT, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(SDK, 'node_modules/.bin/tsc')
  return spawnSync(process.execPath, [tsc, '-p', OUT, '--pretty', 'false'], { encoding: 'utf8' }).stdout
}

test('every example compiles, and the user of an app is known to all entries', () => {
  assert.ok(examples.length > 8)
  assert.equal(compile(), '')
})

for (const page of ['react-router.md', 'server-first.md', 'axios-bearer.md', 'redux-query.md', 'proxied.md'])
  test(`${page}: what there is to paste has ${PASTE_LINES_MAX} lines at most, and the page says what it costs`, () => {
    for (const [, code = ''] of text(page).matchAll(/^```(?:tsx?|js|html)\n([\s\S]*?)^```/gm)) {
      const lines = code.split('\n').filter((line) => line.trim() && !line.startsWith('//'))
      assert.ok(lines.length <= PASTE_LINES_MAX, `${lines.length} lines:\n${code}`)
    }
    assert.match(text(page), /^## How many requests$/m)
    assert.match(text(page), /^```mermaid\nsequenceDiagram$/m)
  })

test('every link to another page leads to a file, and to a heading of it', () => {
  const broken = pages.flatMap((page) =>
    [...text(page).matchAll(/\]\((?!https?:|\.\.\/\.\.\/examples\/)([^)#]*)(?:#([^)]*))?\)/g)]
      .filter(([, path = '', heading]) => !leads(join(DOCS, path ? dirname(page) : '', path || page), heading))
      .map(([link]) => `${page}: ${link}`),
  )
  assert.deepEqual(broken, [])
})

function leads(file: string, heading: string | undefined): boolean {
  if (!existsSync(file)) return false
  if (!heading) return true
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, words = '']) => words)
  return headings.some(
    (words) =>
      words
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-') === heading,
  )
}

test('every code that the service or the SDK says has its section, with what to do', () => {
  const sections = new Map(
    text('errors.md')
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0], section]),
  )
  const refusals = readFileSync(join(DOCS, '../reference/http-api.md'), 'utf8').split(/^## /m)
  const service = refusals.find((section) => section.startsWith('Refusals')) ?? ''
  const rows = service.split('\n').filter((line) => /^\| [\d /]+ \|/.test(line))
  const codes = rows.flatMap((row) => [...(row.split('|')[2] ?? '').replace(/\(.*\)/, '').matchAll(/`(\w+)`/g)])
  assert.ok(codes.length > 15)
  for (const code of [...codes.map(([, code]) => code), 'cookies_blocked', 'retry_with_body']) {
    const section = sections.get(code)
    assert.ok(section, `no section for ${code}`)
    for (const part of ['What happened.', 'What the user sees.', 'What to do.'])
      assert.ok(section.includes(`**${part}**`))
  }
})

test('what the error page says of an error, an error has', () => {
  const error = new SessionError('auth_unavailable', { status: 503, retryAfter: 7 })
  const { code, status, reason, retryAfter, retryable } = error
  assert.deepEqual(
    { code, status, reason, retryAfter, retryable },
    { code: 'auth_unavailable', status: 503, reason: null, retryAfter: 7, retryable: true },
  )
  assert.ok(isSessionError(error, 'auth_unavailable'))
})
