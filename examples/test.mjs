// Runs the applications in Chromium: npm test [-- NAME …]

import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { applications } from './shared/run.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const named = process.argv.slice(2)
const unknown = named.filter((name) => !applications.includes(name))
if (unknown.length > 0)
  throw new Error(`no application is called ${unknown.join(', ')}: there are ${applications.join(', ')}`)

const files = (named.length > 0 ? named : applications).flatMap((name) => {
  const folder = join(here, name)
  return readdirSync(folder)
    .filter((file) => file.endsWith('test.mjs'))
    .map((file) => join(folder, file))
})
run({ files, concurrency: 1, timeout: 240_000 })
  .on('test:fail', () => {
    process.exitCode = 1
  })
  .compose(spec)
  .pipe(process.stdout)
