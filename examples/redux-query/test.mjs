// An app of React, Redux Toolkit and TanStack Query whose access token lives in memory. It runs in React's development build,
// in which StrictMode mounts everything twice.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { application, cookie, cost, quiet } from '../shared/testing.mjs'
import { bearers, generation, pass, refreshes } from '../shared/tokens.mjs'
import { loaded, login, open, renew, signIn, tabs, view } from './pages.mjs'

const COOLDOWN = 20
const TOKEN = '**/auth/token'

describe('redux-query: the token', () => {
  const app = application('redux-query', { development: true })

  it('is in memory only', async () => {
    const jar = await app.signedIn()
    const sent = bearers(jar)
    await tabs(jar, 1)
    const state = JSON.stringify(await jar.storageState({ indexedDB: true }))
    const page = jar.pages()[0]
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
    )
    assert.equal(sent.length, 1)
    for (const where of [state, kept]) assert.ok(!where.includes(sent[0]) && !where.includes('eyJ'))
    assert.ok(!kept.includes('prn1.'))
  })

  it('F37 comes back after a reload by one access token within the cooldown, and by one rotation after it', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await loaded(page)
    for (const rotations of [0, 1, 0]) {
      const before = await generation(jar)
      const auth = await cost(jar, async () => {
        await page.reload()
        await loaded(page)
      })
      assert.deepEqual(auth, ['POST token'])
      assert.equal((await generation(jar)) - before, rotations)
      if (rotations === 0) pass(app, COOLDOWN)
    }
  })

  it('F01 the cooldown holds for five tabs that are all loaded anew at once', async () => {
    const jar = await app.signedIn()
    const pages = await tabs(jar, 5)
    pass(app, COOLDOWN)
    const before = await generation(jar)
    const outcomes = await refreshes(app)
    for (let times = 0; times < 3; times += 1) {
      await Promise.all(pages.map((page) => page.reload().then(() => loaded(page))))
    }
    await quiet(jar)
    assert.equal(await generation(jar), before + 1)
    assert.equal((await refreshes(app)).rotated, (outcomes.rotated ?? 0) + 1)
  })

  it('F25 a call without it is told 401 in JSON, and is never sent to a login page', async () => {
    const jar = await app.jar()
    const page = await open(jar)
    const told = await page.evaluate(() =>
      fetch('/api/notes').then(async (answer) => [answer.status, answer.redirected, (await answer.json()).code]),
    )
    assert.deepEqual(told, [401, false, 'not_authenticated'])
  })
})

describe('redux-query: another person', () => {
  const app = application('redux-query', { development: true })
  const SECRET = 'Nobody else may read this'

  async function write(page, text) {
    await page.getByLabel('A new note').fill(text)
    await page.getByRole('button', { name: 'Keep' }).click()
  }

  /** Two tabs of the first account; the first tab shows a note of theirs, and they are looking for it. */
  async function twoTabs(prepare = async (_jar) => {}) {
    const jar = await app.jar()
    await prepare(jar)
    const [page, other] = [await open(jar), await open(jar)]
    await signIn(other, app.accounts[0])
    await loaded(other)
    await page.reload()
    await loaded(page)
    await write(page, SECRET)
    await page.getByText(SECRET).first().waitFor()
    await page.getByLabel('Search your notes').fill('read this')
    await quiet(jar)
    return { jar, page, other }
  }

  async function switchAccount(page) {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await login(page)
    await app.giveSession(page.context(), app.accounts[1].email)
    await page.reload()
    await loaded(page)
  }

  const notesOf = (page) => page.getByRole('list', { name: 'Notes' }).getByRole('listitem').allTextContents()

  it('F18 F20 finds every cache of the other tab empty', async () => {
    const { page, other } = await twoTabs()
    await switchAccount(other)
    await page.bringToFront()
    await page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await page.getByText(app.accounts[1].email).waitFor()
    await loaded(page)
    assert.deepEqual(await notesOf(page), await notesOf(other))
    assert.equal(await page.getByText(SECRET).count(), 0)
    assert.equal(await page.getByLabel('Search your notes').inputValue(), '')
  })

  it('F20 finds nothing either after a logout and a login in the same tab', async () => {
    const { jar, page, other } = await twoTabs()
    await other.close()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await login(page)
    const glimpses = page.evaluate(
      (secret) =>
        new Promise((seen) => {
          new MutationObserver(() => {
            const text = document.body.innerText
            if (text.includes(secret)) seen('a glimpse')
            if (text.includes('Everything here')) seen('nothing')
          }).observe(document.body, { subtree: true, childList: true, characterData: true })
        }),
      SECRET,
    )
    await app.giveSession(jar, app.accounts[1].email)
    await page.evaluate(() => window.dispatchEvent(new Event('focus')))
    assert.equal(await glimpses, 'nothing')
  })

  for (const [how, script] of [
    ['', ''],
    [', also where tabs cannot talk to each other', 'delete globalThis.BroadcastChannel'],
  ]) {
    it(`F18 gets nothing that was written in the stale tab${how}`, async () => {
      const { jar, page, other } = await twoTabs((jar) => jar.addInitScript(script))
      const sent = []
      jar.on('request', (request) => request.method() === 'POST' && sent.push(new URL(request.url()).pathname))
      await page.getByLabel('A new note').fill('Written as the first person')
      // The jar changes hands under this tab, which is not told and not looked at before somebody presses its button.
      await jar.clearCookies()
      await app.giveSession(jar, app.accounts[1].email)
      await page.getByRole('button', { name: 'Keep' }).click()
      await page.getByText(app.accounts[1].email).waitFor()
      await quiet(jar)
      assert.ok(!sent.includes('/api/notes'), 'it never left')
      await other.reload()
      await loaded(other)
      assert.ok(!(await notesOf(other)).includes('Written as the first person'))
    })
  }

  it('F17 gets nothing that was waiting for a refresh when they came', async () => {
    const { jar, page, other } = await twoTabs()
    await page.getByLabel('Search your notes').fill('')
    await page.getByLabel('A new note').fill('Waiting for a refresh')
    let release
    const held = new Promise((then) => {
      release = then
    })
    await jar.route(TOKEN, async (route) => {
      await held
      await route.continue()
    })
    const asking = page.waitForRequest(TOKEN)
    await view(page, 'Account')
    await page.getByRole('button', { name: 'Renew now' }).click()
    await asking
    await page.getByRole('button', { name: 'Twenty at once' }).click()
    await other.getByRole('button', { name: 'Sign out' }).click()
    await login(other)
    await app.giveSession(jar, app.accounts[1].email)
    const acted = []
    jar.on('request', (request) => {
      const [, claims] = (request.headers().authorization ?? '').split('.')
      if (claims && request.url().endsWith('/api/me')) acted.push(JSON.parse(Buffer.from(claims, 'base64url')).sub)
    })
    release()
    await other.reload()
    await loaded(other)
    await quiet(jar)
    assert.ok(!acted.includes(app.subject(app.accounts[0].email)), 'what the first person asked for was not sent')
    assert.ok(acted.length <= 2, `${acted.length} calls: twenty were not sent as somebody else`)
  })
})

describe('redux-query: many tabs, two people, any order', () => {
  const app = application('redux-query', { development: true })
  const SEED = Number(process.env.SEED ?? Date.now() % 100_000)
  const STEPS = 100

  it(`F17 F18 a hundred writes and changes of the account in five tabs write nothing as somebody else (SEED=${SEED})`, async () => {
    const password = app.run('user', 'add', 'second@perennial.test').match(/[a-z0-9]{4}(-[a-z0-9]{4}){3}/)[0]
    const people = [app.accounts[0], { email: 'second@perennial.test', password }]
    let state = SEED
    const random = (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const jar = await app.signedIn()
    const pages = await tabs(jar, 5)
    // Answers about the session take their time, so that there are calls that wait for them.
    await jar.route(/\/auth\/(token|session)/, async (route) => {
      await new Promise((then) => setTimeout(then, random(200)))
      await route.continue().catch(() => {})
    })

    /** Presses the button, and remembers whom the page was showing at that moment. */
    const written = new Map()
    async function write(page, text) {
      const input = page.getByLabel('A new note')
      if (
        !(await input.fill(text, { timeout: 200 }).then(
          () => true,
          () => false,
        ))
      )
        return
      const shown = await page.evaluate((text) => {
        const input = document.querySelector('.compose input')
        const person = document.querySelector('.eyebrow')?.textContent
        if (input?.value !== text || !person.includes('@')) return null
        input.form.requestSubmit()
        return person
      }, text)
      if (shown) written.set(text, shown)
    }

    /** Somebody else signs in, and no tab is told. */
    const change = (page, person) =>
      page.evaluate(async (entry) => {
        const json = { 'content-type': 'application/json' }
        await fetch('/auth/logout', { method: 'POST' })
        await fetch('/auth/login', { method: 'POST', headers: json, body: JSON.stringify(entry) })
      }, person)

    let changing = Promise.resolve()
    await write(pages[0], 'the first note')
    await pages[0].getByText('the first note').waitFor()
    for (let step = 0; step < STEPS; step += 1) {
      const page = pages[random(5)]
      if (random(10) < 2) {
        const person = people[random(2)]
        changing = changing.then(() => change(page, person))
        if (random(2)) await changing
      } else await write(page, `note ${step}`)
    }
    await changing
    await quiet(jar)

    let arrived = 0
    for (const { email } of people) {
      const { access } = JSON.parse(app.run('session', 'issue', '--subject', app.subject(email), '--json'))
      const answer = await fetch(`${app.url}/api/notes`, { headers: { authorization: `Bearer ${access}` } })
      for (const { text } of (await answer.json()).notes) {
        if (!written.has(text)) continue
        arrived += 1
        assert.equal(written.get(text), email, `“${text}” was written by somebody else`)
      }
    }
    assert.ok(arrived > 0)
  })
})

describe('redux-query: a stolen refresh token', () => {
  const app = application('redux-query', { development: true })
  const STOLEN = 'Your session was stolen'

  for (const first of ['person', 'thief']) {
    it(`F23 is found out when the ${first} renews first, and the screen says so`, async () => {
      const jar = await app.signedIn()
      const person = await open(jar)
      await loaded(person)
      const copy = await app.jar()
      await copy.addCookies(await jar.cookies())
      const thief = await open(copy)
      await loaded(thief)
      const order = first === 'person' ? [person, thief] : [thief, person]
      for (const page of order) await view(page, 'Account')

      pass(app, COOLDOWN)
      for (const page of order) assert.equal(await renew(page), 'Renewal: 1 of 1 answered.')
      assert.equal(await generation(copy), await generation(jar), 'so far they look alike')
      pass(app, COOLDOWN)
      assert.equal(await renew(order[0]), 'Renewal: 1 of 1 answered.')
      await order[1].getByRole('button', { name: 'Renew now' }).click()
      await order[1].getByText(STOLEN).waitFor()
      await order[0].getByRole('button', { name: 'Renew now' }).click()
      await order[0].getByText(STOLEN).waitFor()
      assert.equal(await cookie(jar, 'refreshtoken'), undefined)

      await signIn(person, app.accounts[0])
      await loaded(person)
    })
  }
})
