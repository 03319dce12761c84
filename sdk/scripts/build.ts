// Makes `dist` of `src`, from nothing, so that no file outlives its source in the package.

import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json', '--pretty', 'false'], { stdio: 'inherit' })
// Bundlers take `//!` for a licence and keep it in every app.
for (const file of globSync('dist/**/*.js'))
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^\/\/!/gm, '// '))
process.exit(status ?? 1)
