// Makes `dist` of `src`, from nothing, so that no file outlives its source in the package.

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json', '--pretty', 'false'], { stdio: 'inherit' })
process.exit(status ?? 1)
