import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import test from 'node:test'
import manifest from '../package.json' with { type: 'json' }

const folder = new URL('..', import.meta.url)
const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name, target }],
)

test('every entry has a source, and its types are found before its code', () => {
  for (const { name, target } of entries) {
    assert.deepEqual(Object.keys(target), ['types', 'default'], name)
    assert.equal(target.types.replace('.d.ts', '.js'), target.default)
    const source = target.default.replace('./dist/', 'src/').replace('.js', '.ts')
    assert.ok(existsSync(new URL(source, folder)), `${name} is ${source}`)
  }
})

test('the sources import nothing but each other and optional peers', () => {
  const optional = Object.keys(manifest.peerDependenciesMeta)
  assert.deepEqual(optional, Object.keys(manifest.peerDependencies))
  assert.ok(!('dependencies' in manifest))
  for (const path of globSync('src/**/*.ts', { cwd: folder })) {
    for (const [, from = ''] of readFileSync(new URL(path, folder), 'utf8').matchAll(/ from '([^']+)'/g)) {
      const known = from.startsWith('.') || optional.some((peer) => from === peer || from.startsWith(`${peer}/`))
      assert.ok(known, `${path} imports ${from}`)
    }
  }
})

test('installing the package or its tools runs nothing, and every tool is pinned', () => {
  const scripts = Object.keys(manifest.scripts)
  assert.deepEqual(
    scripts.filter((name) => /install|prepare/.test(name)),
    [],
  )
  for (const [name, version] of Object.entries(manifest.devDependencies)) {
    assert.match(version, /^(npm:.+@)?\d+\.\d+\.\d+$/, name)
  }
})
