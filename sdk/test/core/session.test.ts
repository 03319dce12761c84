import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Session, sessionErrorOf } from '../../src/index.ts'
import { json, ORIGIN, problem, World } from './world.ts'

const call = (session: Session, path = '/api/x', init?: RequestInit) => session.fetch(`${ORIGIN}${path}`, init)
const code = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing went wrong',
    (error: unknown) => sessionErrorOf(error)?.code ?? error,
  )
const both = (name: string, body: (world: World) => Promise<void>) => {
  for (const transport of ['cookie', 'bearer'] as const) {
    test(`${name} (${transport})`, async () => {
      const world = new World()
      world.transport = transport
      await body(world)
    })
  }
}

both('a visitor costs no request', async (world) => {
  const tab = world.tab()
  assert.equal(tab.state.status, 'UNAUTHENTICATED')
  assert.equal((await tab.ready()).status, 'UNAUTHENTICATED')
  tab.wake()
  assert.equal(world.requests.length, 0)
})

both('a page with a good access token shows who is there at once and asks nothing', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  assert.equal(tab.state.status, 'AUTHENTICATED')
  assert.equal(tab.state.sessionKey, 'ann')
  await tab.ready()
  assert.equal(world.requests.length, 0)
})

both('a page with an expired access token is LOADING until one question settles it', async (world) => {
  world.logIn('ann', false)
  const tab = world.tab()
  assert.equal(tab.state.status, 'LOADING')
  assert.equal((await tab.ready()).status, 'AUTHENTICATED')
  assert.deepEqual(tab.state.user, { id: 'user of ann' })
  assert.equal(world.count('session'), 1)
  assert.equal(world.requests.length, 1)
})

both('whoever subscribes while LOADING causes the one question', async (world) => {
  world.logIn('ann', false)
  const tab = world.tab()
  const seen: string[] = []
  tab.subscribe(() => seen.push(tab.state.status))
  tab.subscribe(() => {})
  await world.settle()
  assert.deepEqual(seen.at(-1), 'AUTHENTICATED')
  assert.equal(world.requests.length, 1)
})

both('twenty requests of a page whose token is gone share one question at most', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await call(tab)
  world.expireAccess()
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(tab)))
  assert.ok(answers.every(({ ok }) => ok))
  assert.ok(world.count('token') + world.count('session') <= 2, 'the first page asked once, the expiry once')
})

both('five tabs renew once', async (world) => {
  world.logIn('ann')
  const tabs = Array.from({ length: 5 }, () => world.tab())
  await Promise.all(tabs.map((tab) => tab.ensureFresh()))
  await world.settle()
  const before = world.requests.length
  world.expireAccess()
  await world.pass(1_000_000)
  await Promise.all(tabs.map((tab) => tab.ensureFresh()))
  await world.settle()
  assert.equal(world.requests.length - before, 1)
})

both('F03 an outage is no logout, and what comes back is waited for', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  const before = world.requests.length
  const outages = [
    () => new Response('<html>', { status: 200 }),
    () => new Response('gone', { status: 502 }),
    () => problem(503, 'auth_unavailable', {}, { 'retry-after': '7' }),
    () => new Response('{}', { status: 401, headers: { 'content-type': 'application/json' } }),
    () => Promise.reject(new TypeError('Failed to fetch')),
  ]
  for (const outage of outages) {
    world.answers['/auth/token'] = [outage]
    await world.pass(120_000)
    assert.equal(await code(tab.refresh()), 'auth_unavailable')
    assert.equal(tab.state.status, 'AUTHENTICATED')
    assert.equal(tab.state.stale, true)
    assert.equal(await code(tab.refresh()), 'auth_unavailable', 'nobody asks again while it is to wait')
  }
  assert.equal(world.requests.length - before, outages.length)
  await world.pass(120_000)
  assert.equal((await tab.refresh()).stale, false)
})

both('F14 an API that always answers 401 costs one refresh and one retry for each request at most', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  const before = world.count('token')
  world.answers['/api/no'] = Array.from({ length: 400 }, () => () => new Response('no', { status: 401 }))
  for (let turn = 0; turn < 100; turn += 1) assert.equal((await call(tab, '/api/no')).status, 401)
  assert.ok(world.count('token') - before <= 1)
  assert.ok(world.count('/api/no') <= 200)
})

both('F15 everything that waits is settled, whatever becomes of the question', async (world) => {
  world.transport = 'bearer'
  for (const [end, expected] of [
    [() => problem(503, 'auth_unavailable'), 'auth_unavailable'],
    [() => problem(401, 'session_ended', { reason: 'revoked' }), 'session_ended'],
  ] as const) {
    world.logIn('ann')
    const tab = world.tab()
    world.answers['/auth/token'] = [end]
    const stop = new AbortController()
    const calls = Array.from({ length: 100 }, () => code(call(tab)))
    const aborted = code(call(tab, '/api/x', { signal: stop.signal }))
    stop.abort(new Error('stopped'))
    assert.deepEqual(new Set(await Promise.all(calls)), new Set([expected]))
    assert.equal(String(await aborted), 'Error: stopped')
    tab.destroy()
  }
})

both('F16 a request that goes out twice has the same body both times', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  const bodies: string[] = []
  const note = (answer: () => Response) => async () => {
    bodies.push(await (sent.at(-1) as Request).text())
    return answer()
  }
  const sent: Request[] = []
  void note
  world.answers['/api/upload'] = [() => problem(409, 'retry_with_body')]
  const form = new FormData()
  form.set('file', new Blob(['x'.repeat(100_000)]))
  assert.equal((await call(tab, '/api/upload', { method: 'POST', body: form })).status, 200)
  assert.equal(world.count('/api/upload'), 2)
  world.answers['/api/upload'] = [() => problem(409, 'retry_with_body')]
  const stream = new Blob(['once']).stream()
  const once = await call(tab, '/api/upload', { method: 'POST', body: stream, duplex: 'half' } as RequestInit)
  assert.equal(once.status, 409, 'a stream cannot be sent again, so its sender is told')
})

both('F21 a renewal that was under way when the person left changes nothing', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  world.hold = '/auth/token'
  const late = code(tab.refresh())
  await world.settle()
  world.hold = null
  world.answers['/auth/token'] = [() => json(world.answer('ann'))]
  await tab.signOut()
  world.held[0]?.go()
  await world.settle()
  await late
  assert.equal(tab.state.status, 'UNAUTHENTICATED')
  assert.equal(tab.state.reason, 'logout')
  assert.equal(await tab.getAccessToken(), null)
})

both('F34 a logout reaches every tab, with and without a channel', async (world) => {
  for (const channels of [true, false]) {
    world.channels = channels
    world.logIn('ann')
    world.over.clear()
    const tabs = Array.from({ length: 5 }, () => world.tab())
    const told: (string | null)[] = []
    for (const tab of tabs) tab.on('identity', ({ to }) => told.push(to))
    await tabs[0]?.signOut()
    await world.settle()
    for (const tab of tabs) tab.wake()
    assert.deepEqual(
      tabs.map(({ state }) => state.status),
      Array(5).fill('UNAUTHENTICATED'),
    )
    assert.deepEqual(told, Array(5).fill(null), 'once for each tab')
    for (const tab of tabs) tab.destroy()
  }
})

test('F17 a request that waits while somebody else logs in is never sent', async () => {
  const world = new World()
  world.transport = 'bearer'
  world.logIn('ann')
  const tab = world.tab()
  world.hold = '/auth/token'
  const write = code(call(tab, '/api/write', { method: 'POST', body: 'by ann' }))
  await world.settle()
  world.logIn('bob')
  tab.wake()
  assert.equal(await write, 'identity_changed')
  world.held[0]?.go()
  await world.settle()
  assert.equal(world.count('/api/write'), 0)
  assert.equal(tab.state.sessionKey, 'bob')
})

test('F18 a tab that did not hear of the switch fails closed at its next request', async () => {
  const world = new World()
  world.channels = false
  world.logIn('ann')
  const tab = world.tab()
  const previous = world.cookies
  world.logIn('bob')
  // The cookies changed after the page had read them: the service is the one to notice.
  const fresh = world.cookies
  world.cookies = previous
  assert.equal(await code(call(tab, '/api/write', { method: 'POST', body: '{}' })), 'identity_changed')
  world.cookies = fresh
  tab.wake()
  assert.equal(tab.state.sessionKey, 'bob')
})

test('F31 a wrong CSRF token is read anew, sent once more, and only then asked for', async () => {
  const world = new World()
  world.logIn('ann')
  const tab = world.tab()
  const wrong = () => problem(403, 'csrf_failed', { csrf_token: 'ann.tag' })
  world.answers['/api/x'] = [wrong]
  assert.equal((await call(tab, '/api/x', { method: 'POST' })).status, 200)
  assert.equal(world.count('session'), 0)
  world.answers['/api/x'] = [wrong, wrong]
  assert.equal((await call(tab, '/api/x', { method: 'POST' })).status, 200)
  assert.equal(world.count('session'), 1)
  world.answers['/api/x'] = [wrong, wrong, wrong, wrong]
  assert.equal((await call(tab, '/api/x', { method: 'POST' })).status, 403)
  assert.equal(tab.state.status, 'AUTHENTICATED')
})

both('a stale token is sent again once, at once', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  world.answers['/api/x'] = [() => problem(401, 'stale_token')]
  assert.equal((await call(tab)).status, 200)
  world.answers['/api/x'] = [
    () => problem(401, 'stale_token'),
    () => problem(401, 'session_ended', { reason: 'reuse' }),
  ]
  assert.equal(await code(call(tab)), 'session_ended')
  assert.equal(tab.state.reason, 'reuse')
})

both('credentials go to the API and to nobody else', async (world) => {
  world.logIn('ann')
  const tab = world.tab({ api: ['/api'] })
  await tab.ensureFresh()
  world.answers['/apis/x'] = [() => json({})]
  for (const url of [
    'https://evil.test/api/x',
    `${ORIGIN}/apis/x`,
    'https://app.test.evil.test/api',
    `${ORIGIN}/api/../apis/x`,
  ]) {
    world.answers['/api/x'] = [() => json({})]
    world.answers['/api'] = [() => json({})]
    world.answers['/apis/x'] = [() => json({})]
    await tab.fetch(url)
    const { headers } = world.requests.at(-1) as { headers: Headers }
    assert.equal(headers.get('authorization') ?? headers.get('x-csrftoken'), null, url)
  }
})

both('a logout that could not be told says so, and the page is logged out all the same', async (world) => {
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  world.online = false
  assert.equal(await code(tab.signOut()), 'auth_unavailable')
  assert.equal(tab.state.status, 'UNAUTHENTICATED')
  tab.wake(true)
  assert.equal(tab.state.status, 'UNAUTHENTICATED', 'what is left in the jar does not bring the person back')
})

both('F17 F18 a request of the page of somebody who has left is never sent as the next one', async (world) => {
  world.channels = false
  world.logIn('ann')
  const tab = world.tab()
  await tab.ensureFresh()
  world.logIn('bob')
  assert.equal(tab.state.sessionKey, 'ann', 'nothing told this page yet')
  assert.equal(await code(call(tab, '/api/write', { method: 'POST', body: 'by ann' })), 'identity_changed')
  assert.equal(world.count('/api/write'), 0)
  assert.equal(tab.state.sessionKey, 'bob')
})

both('cookies of two logins that crossed on their way are settled by one question', async (world) => {
  world.logIn('bob')
  world.cookies['__Host-csrftoken'] = 'anon.nonce.tag'
  const tab = world.tab()
  assert.equal(tab.state.status, 'LOADING')
  assert.equal((await tab.ready()).sessionKey, 'bob')
  assert.equal(world.requests.length, 1)
})

test('without a page nothing is known and nothing is asked', async () => {
  const { createSession } = await import('../../src/index.ts')
  const session = createSession()
  assert.equal(session.state.status, 'LOADING')
  assert.equal((await session.ready()).status, 'LOADING')
})

test('a token that another tab hands over comes with the name of whose it is', async () => {
  const world = new World()
  world.transport = 'bearer'
  world.logIn('ann', false)
  const first = world.tab()
  await first.ready()
  const second = world.tab()
  await second.ensureFresh()
  assert.deepEqual(second.state.user, { id: 'user of ann' })
  assert.equal(world.requests.length, 1)
})

both(
  'F33 what scripts stored may be gone: the cookies of the service bring everything back for one question',
  async (world) => {
    world.logIn('ann', false)
    world.storage = false
    const tab = world.tab()
    const state = await tab.ready()
    assert.deepEqual([state.status, state.user], ['AUTHENTICATED', { id: 'user of ann' }])
    assert.equal(tab.csrfToken, 'ann.tag')
    assert.equal(world.requests.length, 1)
  },
)

both('F39 tabs that lost the service come back at times of their own', async (world) => {
  world.logIn('ann')
  const waits = new Set<number>()
  for (const chance of [0, 0.25, 0.5, 0.75, 0.999]) {
    const tab = world.tab({}, { random: () => chance })
    world.answers['/auth/token'] = [() => problem(503, 'auth_unavailable'), () => problem(503, 'auth_unavailable')]
    await code(tab.refresh())
    await world.pass(60_000)
    const refused = await tab.refresh().catch((error) => error.retryAfter)
    waits.add(refused)
    tab.destroy()
    world.expireAccess()
    world.logIn('ann')
  }
  assert.ok(waits.size >= 3, `${[...waits]}`)
})
