// Prints the module that the service hands out as `{base}/sdk.js`.

import { buildSync } from 'esbuild'

const { outputFiles } = buildSync({
  entryPoints: ['src/served.ts'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  write: false,
})
process.stdout.write(outputFiles[0]?.text ?? '')
