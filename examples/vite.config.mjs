// How every application is built. The SDK is a link to `../sdk`, which has a React of its own for its tests: `dedupe`
// lets it use the applications'.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

export default defineConfig({
  resolve: { dedupe: Object.keys(dependencies) },
  publicDir: fileURLToPath(new URL('shared/public', import.meta.url)),
  build: { target: 'es2023', modulePreload: { polyfill: false } },
  logLevel: 'error',
})
