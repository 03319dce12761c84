// The vault in browsers and networks that do not behave. Only the number of requests may change, never what is right.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { application, cookie, eventually, expire, watch } from '../shared/testing.mjs'

const app = application('vault')

const notes = (page) => page.getByText('Everything here is yours alone.')
const login = (page) => page.getByRole('heading', { name: 'Sign in' })
const lookAgain = (page) =>
  page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))

async function open(jar) {
  const page = await jar.newPage()
  await page.goto('/vault')
  await notes(page).waitFor()
  return page
}

async function write(page, text) {
  await page.getByLabel('A new note').fill(text)
  await page.getByRole('button', { name: 'Keep' }).click()
}

describe('vault: a browser without', () => {
  const without = {
    'Web Locks': () => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }),
    'messages between tabs': () => delete window.BroadcastChannel,
    storage: () => {
      for (const name of ['localStorage', 'sessionStorage']) {
        const get = () => {
          throw new DOMException('The user denied permission.', 'SecurityError')
        }
        Object.defineProperty(window, name, { get })
      }
    },
    'cookies that scripts can write': () => {
      const { get } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')
      Object.defineProperty(Document.prototype, 'cookie', { get, set: () => {} })
    },
  }
  for (const [what, remove] of Object.entries(without)) {
    it(`F37 ${what} renews three tabs, keeps their person, and signs all of them out`, async () => {
      const jar = await app.signedIn()
      await jar.addInitScript(remove)
      const seen = watch(jar)
      const tabs = []
      for (let tab = 0; tab < 3; tab += 1) tabs.push(await open(jar))
      await expire(jar)
      await Promise.all(tabs.map((page) => page.reload()))
      await Promise.all(tabs.map((page) => notes(page).waitFor()))
      assert.ok(seen.auth.length <= 3, `asked ${seen.auth.length} times`)
      await write(tabs[1], `Without ${what}`)
      await tabs[1].getByText(`Without ${what}`).waitFor()
      await tabs[0].getByRole('button', { name: 'Sign out' }).click()
      await login(tabs[0]).waitFor()
      for (const page of tabs.slice(1)) {
        await lookAgain(page)
        await login(page).waitFor()
        assert.equal(await notes(page).count(), 0)
      }
    })
  }
})

describe('vault: a refresh that is disturbed', () => {
  it('F06 a tab that is closed while it asks keeps no other tab waiting', async () => {
    const jar = await app.signedIn()
    await expire(jar)
    const first = await jar.newPage()
    let asked = false
    await first.route('**/auth/session', () => {
      asked = true
    })
    await first.goto('/vault')
    await eventually('the question of the first tab', () => asked)
    const second = await jar.newPage()
    await second.goto('/vault')
    await first.close()
    await notes(second).waitFor()
  })

  it('F06 a tab whose question is never answered keeps no other tab waiting', async () => {
    const jar = await app.signedIn()
    await expire(jar)
    const first = await jar.newPage()
    let asked = false
    await first.route('**/auth/session', () => {
      asked = true
    })
    await first.goto('/vault')
    await eventually('the question of the first tab', () => asked)
    const second = await open(jar)
    assert.equal(await login(second).count(), 0)
  })

  it('F08 twenty reloads while the answer is on its way end in the same session', async () => {
    const jar = await app.signedIn()
    const person = (await cookie(jar, 'csrftoken')).split('.')[0]
    await expire(jar)
    const page = await jar.newPage()
    await page.route('**/auth/session', async (route) => {
      await pause(120)
      await route.continue().catch(() => {})
    })
    await page.goto('/vault', { waitUntil: 'commit' })
    for (let reload = 0; reload < 20; reload += 1) {
      await pause(reload * 10)
      await page.reload({ waitUntil: 'commit' })
      assert.equal(await login(page).count(), 0)
    }
    await notes(page).waitFor()
    assert.equal((await cookie(jar, 'csrftoken')).split('.')[0], person)
  })

  it('F10 a clock that jumps by hours, forth and back, asks nothing and ends nothing', async () => {
    const jar = await app.signedIn()
    const page = await jar.newPage()
    await page.clock.install()
    await page.goto('/vault')
    await notes(page).waitFor()
    const seen = watch(jar)
    for (const hours of [5, -7, 24 * 40]) {
      await page.clock.setSystemTime(Date.now() + hours * 3_600_000)
      await lookAgain(page)
      await write(page, `At another time: ${hours}`)
      await page.getByText(`At another time: ${hours}`, { exact: true }).waitFor()
    }
    assert.deepEqual(seen.auth, [])
  })

  it('F03 offline, the page stays as it is and says so; online again, it goes on', async () => {
    const jar = await app.signedIn()
    const page = await open(jar)
    await expire(jar)
    await jar.setOffline(true)
    await write(page, 'Kept in the end')
    await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor()
    await notes(page).waitFor()
    await jar.setOffline(false)
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByText('Kept in the end').waitFor()
    assert.equal(await page.getByText('Kept in the end').count(), 1)
  })
})

describe('vault: two people in one browser', () => {
  it('F17 F18 in 100 switches with requests under way, nothing is ever written as the other person', async () => {
    const jar = await app.jar()
    const people = app.accounts.map(({ email }) => ({ email, is: `I am ${email}`, sessions: app.sessions(email, 52) }))
    const shows = ({ is }, where) => where.getByText(is, { exact: true }).waitFor()
    const enter = async ({ sessions }) => {
      await jar.clearCookies()
      await jar.addCookies(sessions.pop())
    }

    await enter(people[1])
    const page = await open(jar)
    await write(page, people[1].is)
    await shows(people[1], page)
    await enter(people[0])
    await page.reload()
    await write(page, people[0].is)
    await shows(people[0], page)

    for (let turn = 0; turn < 100; turn += 1) {
      const [here, next] = turn % 2 === 0 ? people : people.toReversed()
      if (turn % 3 === 0) await expire(jar)
      await page.getByLabel('A new note').fill(`written by ${here.email} (${turn})`)
      const keep = page.getByRole('button', { name: 'Keep' })
      const press = () => keep.evaluate((button) => button.click())
      // Sometimes one comes first, sometimes the other, mostly they meet.
      await Promise.all([pause(turn % 10).then(press), pause((turn * 7) % 40).then(() => enter(next))])
      await lookAgain(page)
      await shows(next, page)
    }

    for (const { email, sessions } of people) {
      await jar.clearCookies()
      await jar.addCookies(sessions.pop())
      const { notes: kept } = await (await jar.request.get(`${app.url}/api/notes`)).json()
      const written = kept.map(({ text }) => text).filter((text) => text.startsWith('written by '))
      assert.deepEqual(
        written.filter((text) => !text.startsWith(`written by ${email} `)),
        [],
      )
      assert.ok(written.length > 0, `${email} wrote nothing at all`)
    }
  })
})
