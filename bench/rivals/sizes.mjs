// What a page downloads: ours and the rivals' entries, bundled, minified and compressed in one run. See README.md.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build, version as esbuild } from 'esbuild'
import { environment, table, versionOf } from './report.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const sdk = resolve(here, '../../sdk')

// What a single-page app imports to know the session, send requests with it and log out.
const RIVALS = [
  {
    of: 'axios-auth-refresh',
    entry: `export { createAuthRefresh } from 'axios-auth-refresh'`,
    external: ['axios'],
    note: 'without axios',
  },
  { of: 'lucia', entry: `export { Lucia } from 'lucia'`, note: 'server library, no browser client' },
  { of: 'keycloak-js', entry: `export { default } from 'keycloak-js'` },
  { of: '@ory/client-fetch', entry: `export { Configuration, FrontendApi } from '@ory/client-fetch'` },
  { of: 'ky', entry: `export { default } from 'ky'`, note: 'no session: requests with hooks' },
  { of: 'next-auth', entry: `export { SessionProvider, getSession, signOut, useSession } from 'next-auth/react'` },
  { of: 'pocketbase', entry: `export { default } from 'pocketbase'` },
  { of: 'better-auth', name: 'better-auth/client', entry: `export { createAuthClient } from 'better-auth/client'` },
  { of: 'better-auth', name: 'better-auth/react', entry: `export { createAuthClient } from 'better-auth/react'` },
  {
    of: 'better-auth',
    name: 'better-auth/react + twoFactor',
    entry: `export { createAuthClient } from 'better-auth/react'
            export { twoFactorClient } from 'better-auth/client/plugins'`,
  },
  { of: 'oidc-client-ts', entry: `export { UserManager, WebStorageStateStore } from 'oidc-client-ts'` },
  {
    of: 'react-oidc-context',
    entry: `export { AuthProvider, useAuth } from 'react-oidc-context'`,
    note: 'with oidc-client-ts',
  },
  { of: 'supertokens-website', entry: `export { default } from 'supertokens-website'` },
  { of: 'axios', entry: `export { default } from 'axios'`, note: 'for comparison: no session' },
  { of: '@supabase/auth-js', entry: `export { AuthClient } from '@supabase/auth-js'` },
  { of: '@ory/client', entry: `export { Configuration, FrontendApi } from '@ory/client'` },
  {
    of: 'supertokens-web-js',
    entry: `export { default } from 'supertokens-web-js'
            export { default as Session } from 'supertokens-web-js/recipe/session'`,
  },
  { of: '@supabase/supabase-js', entry: `export { createClient } from '@supabase/supabase-js'` },
  {
    of: 'supertokens-auth-react',
    entry: `export { default, SuperTokensWrapper } from 'supertokens-auth-react'
            export { default as Session, SessionAuth, useSessionContext } from 'supertokens-auth-react/recipe/session'`,
  },
  { of: '@auth0/auth0-spa-js', entry: `export { createAuth0Client } from '@auth0/auth0-spa-js'` },
  { of: '@auth0/auth0-react', entry: `export { Auth0Provider, useAuth0 } from '@auth0/auth0-react'` },
]

const CORE = 'the core: `createSession`'
const FRAMEWORKS = ['react', 'react-dom', 'next']

async function sizeOf(contents, resolveDir, { external = [], plugins = [] }) {
  const bundle = await build({
    stdin: { contents, resolveDir, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
    legalComments: 'none',
    external,
    plugins,
    write: false,
    logLevel: 'error',
  })
  const bytes = bundle.outputFiles[0].contents
  return {
    minified: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
  }
}

async function rivals() {
  const rows = []
  for (const { of, name = of, entry, external = [], note = '' } of RIVALS) {
    const size = await sizeOf(entry, here, { external: [...FRAMEWORKS, ...external] })
    rows.push({ name, version: await versionOf(of), note, ...size })
  }
  return rows
}

/** The entries that our package exports and that are written, each from its source. */
async function ours() {
  if (!existsSync(resolve(sdk, 'package.json'))) return []
  const { name, version, exports } = JSON.parse(await readFile(resolve(sdk, 'package.json'), 'utf8'))
  const rows = []
  for (const [path, target] of Object.entries(exports)) {
    const source = resolve(sdk, String(target.default).replace('./dist/', './src/').replace(/\.js$/, '.ts'))
    if (!existsSync(source)) continue
    const isCore = path === '.'
    const what = isCore ? '{ createSession }' : '*'
    const size = await sizeOf(`export ${what} from ${JSON.stringify(source)}`, sdk, {
      plugins: [isCore ? peersApart : coreApart, peersApart],
    })
    rows.push({ name: `**${name}${path.slice(1)}**`, version, note: isCore ? CORE : 'without the core', ...size })
  }
  return rows
}

/** Bare names are peers of ours: the app has them. */
const peersApart = {
  name: 'peers-apart',
  setup: (build) => build.onResolve({ filter: /^[^./]/ }, ({ path }) => ({ path, external: true })),
}

/** An app that uses an adapter has the core already. */
const coreApart = {
  name: 'core-apart',
  setup: (build) =>
    build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const file = relative(resolve(sdk, 'src'), resolve(resolveDir, path))
      return file === 'index.ts' || file.startsWith('core/') ? { path, external: true } : undefined
    }),
}

const number = (value) => value.toLocaleString('en-US')
const rows = [...(await ours()), ...(await rivals())].sort((a, b) => a.gzip - b.gzip)

console.log(`${environment(`esbuild ${esbuild}`)}\n`)
console.log(
  table(
    [
      ['entry', (row) => row.name],
      ['version', (row) => row.version],
      ['minified, bytes>', (row) => number(row.minified)],
      ['gzip -9>', (row) => `**${number(row.gzip)}**`],
      ['brotli 11>', (row) => number(row.brotli)],
      ['note', (row) => row.note],
    ],
    rows,
  ),
)
if (!rows.some((row) => row.note === CORE)) console.log('\nOurs is missing: there is no `sdk/src/index.ts` yet.')
