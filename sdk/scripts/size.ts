// What each entry weighs in an app, and whether that is within its bound.
//
// Bundled, minified and gzipped as a bundler does it; of the core what an app imports, `createSession`. A kB has 1,024 bytes. Whoever imports an adapter has the core already, and the
// library that it adapts, so neither counts there.

import { relative, sep } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildSync, type Metafile } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }

interface Bound {
  gate: number
  goal?: number
}

const CORE: Bound = { gate: 5120, goal: 4096 }
const FLOWS: Bound = { gate: 1500 }
const ADAPTER: Bound = { gate: 500 }
/** In no app's bundle. */
const UNBOUND = ['./testing']

const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name, file: target.default }],
)

let over = 0
console.log('entry                 minified      gzip     bound')
for (const { name, file } of entries) {
  const bound = name === '.' ? CORE : name === './flows' ? FLOWS : UNBOUND.includes(name) ? null : ADAPTER
  const { minified, gzip } = weigh(file, name === '.' ? [] : ['./dist/core/*', './dist/index.js'])
  const verdict = bound === null || gzip <= bound.gate ? '' : '  TOO LARGE'
  const goal = bound?.goal === undefined ? '' : `  (goal ${bound.goal})`
  console.log(name.padEnd(18), pad(minified), pad(gzip), pad(bound?.gate ?? '-'), goal, verdict)
  if (verdict) over++
}
process.exit(over === 0 ? 0 : 1)

function weigh(file: string, known: string[]): { minified: number; gzip: number } {
  const peers = Object.keys(manifest.peerDependencies).flatMap((peer) => [peer, `${peer}/*`])
  const { outputFiles, metafile } = buildSync({
    stdin: {
      contents: `export ${file === manifest.exports['.'].default ? '{ createSession }' : '*'} from '${file}'`,
      resolveDir: '.',
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: [...peers, ...known],
    metafile: true,
    write: false,
  })
  onlyOurs(metafile)
  const text = outputFiles[0]?.contents ?? new Uint8Array()
  return { minified: text.length, gzip: gzipSync(text, { level: 9 }).length }
}

/** The package has no dependencies: nothing of another may be in a bundle. */
function onlyOurs(metafile: Metafile): void {
  const foreign = Object.keys(metafile.inputs).filter(
    (input) => input !== '<stdin>' && !relative('.', input).startsWith(`dist${sep}`),
  )
  if (foreign.length > 0) throw new Error(`the bundle holds what is not the package's: ${foreign.join(', ')}`)
}

function pad(number: number | string): string {
  return String(number).padStart(9)
}
