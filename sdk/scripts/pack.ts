// Packs the package as it would be published, under a name that holds no version: `target/sdk/package.tgz`.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const target = '../target/sdk'
mkdirSync(target, { recursive: true })
rmSync(join(target, 'package.tgz'), { force: true })
const words = ['pack', '--ignore-scripts', '--pack-destination', target, '--json']
const { status, stdout } = spawnSync('npm', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
assert.equal(status, 0, 'npm pack')
// npm tells about one package as a list, or under its name, by its version.
const [packed] = Object.values(
  JSON.parse(stdout) as Record<string, { filename: string; size: number; entryCount: number }>,
)
assert.ok(packed, stdout)
renameSync(join(target, packed.filename), join(target, 'package.tgz'))
console.log(`target/sdk/package.tgz: ${packed.entryCount} files, ${packed.size} bytes`)
