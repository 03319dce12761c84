import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, expire, watch, cost } from '../shared/testing.mjs'
const app = application('vault')
it('starts', async () => {
  const jar = await app.signedIn()
  const page = await jar.newPage()
  await page.goto('/')
  const me = await page.evaluate(() => fetch('/api/me').then((r) => r.json()))
  assert.equal(me.subject, app.subject('demo@perennial.test'))
  await expire(jar)
  assert.deepEqual(await cost(jar, () => page.evaluate(() => fetch('/auth/session').then((r) => r.json()).then(console.log))), ['GET session'])
  for (const w of [1280, 390]) for (const colorScheme of ['light','dark']) {
    await page.emulateMedia({ colorScheme }); await page.setViewportSize({ width: w, height: 800 })
    await page.screenshot({ path: `/tmp/shots/v-${w}-${colorScheme}.png` })
  }
})
