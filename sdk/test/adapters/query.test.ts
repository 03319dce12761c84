// TanStack Query, the real client with real observers.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import {
  keepPreviousData,
  MutationObserver,
  onlineManager,
  QueryClient,
  QueryObserver,
  type QueryObserverOptions,
} from '@tanstack/react-query'
import axios from 'axios'
import { attachSession } from '../../src/axios/index.ts'
import { SessionError } from '../../src/index.ts'
import { bindQueryClient, sessionRetry, sessionRetryDelay } from '../../src/query/index.ts'
import { type Pretended, pretend } from './pretend.ts'

const clients: QueryClient[] = []

afterEach(() => {
  onlineManager.setOnline(true)
  for (const client of clients.splice(0)) {
    client.unmount()
    client.clear()
  }
})

const app = () => {
  const page = pretend('AUTHENTICATED', 'anna')
  page.answers = ({ url }) => Response.json({ of: page.session.state.sessionKey, at: new URL(url).pathname })
  const client = new QueryClient()
  client.mount()
  clients.push(client)
  return { page, client, stop: bindQueryClient(client, page.session) }
}

const notes = (page: Pretended, path = '/notes'): QueryObserverOptions => ({
  queryKey: [path],
  queryFn: async ({ signal }) => (await page.session.fetch(`http://app.test${path}`, { signal })).json(),
  retry: false,
})

/** What somebody who watches this query gets to see, in order. */
const watch = (client: QueryClient, options: QueryObserverOptions) => {
  const observer = new QueryObserver(client, options)
  const seen: unknown[] = []
  observer.subscribe(({ data }) => seen.push(data))
  return { observer, seen }
}

const settled = async (client: QueryClient): Promise<void> => {
  do await new Promise(setImmediate)
  while (client.isFetching())
}

describe('when somebody else is here', () => {
  test('f20: nothing that the former person was answered is left, and what is on screen is asked for anew', async () => {
    const { page, client } = app()
    client.setQueryData(['/old'], { of: 'anna' })
    const { observer, seen } = watch(client, notes(page))
    await settled(client)
    assert.deepEqual(observer.getCurrentResult().data, { of: 'anna', at: '/notes' })
    seen.length = 0

    page.become('AUTHENTICATED', 'berta')
    assert.equal(observer.getCurrentResult().data, undefined)
    assert.equal(client.getQueryData(['/old']), undefined)
    await settled(client)
    assert.deepEqual(observer.getCurrentResult().data, { of: 'berta', at: '/notes' })
    assert.deepEqual(
      seen.filter((data) => data !== undefined),
      [{ of: 'berta', at: '/notes' }],
    )
    assert.deepEqual(
      page.sent.map(({ as }) => as),
      ['anna', 'berta'],
    )
  })

  test('a query that is on screen twice is asked for once', async () => {
    const { page, client } = app()
    watch(client, notes(page))
    watch(client, notes(page))
    await settled(client)
    page.become('AUTHENTICATED', 'berta')
    await settled(client)
    assert.equal(page.sent.length, 2)
  })

  test('a query that is switched off is emptied and not asked for', async () => {
    const { page, client } = app()
    const { observer } = watch(client, { ...notes(page), enabled: false, initialData: undefined })
    client.setQueryData(['/notes'], { of: 'anna' })
    assert.deepEqual(observer.getCurrentResult().data, { of: 'anna' })
    page.become('AUTHENTICATED', 'berta')
    await settled(client)
    assert.equal(observer.getCurrentResult().data, undefined)
    assert.equal(page.sent.length, 0)
  })

  test("a request under way is cancelled, and its answer is nobody's", async () => {
    const { page, client } = app()
    const answers: ((response: Response) => void)[] = []
    page.answers = () => new Promise((resolve) => answers.push(resolve))
    const { observer } = watch(client, notes(page))
    await new Promise(setImmediate)
    page.become('AUTHENTICATED', 'berta')
    await new Promise(setImmediate)
    assert.equal(page.sent[0]?.request.signal.aborted, true)
    answers[0]?.(Response.json({ of: 'anna' }))
    answers[1]?.(Response.json({ of: 'berta' }))
    await settled(client)
    assert.deepEqual(observer.getCurrentResult().data, { of: 'berta' })
  })

  test('a refetch under way does not bring back what it was to replace', async () => {
    const { page, client } = app()
    const { observer } = watch(client, notes(page))
    await settled(client)
    page.answers = () => new Promise(() => {})
    void observer.refetch()
    await new Promise(setImmediate)
    page.become('AUTHENTICATED', 'berta')
    await new Promise(setImmediate)
    assert.equal(observer.getCurrentResult().data, undefined)
  })

  test("keepPreviousData does not keep the former person's data, shown or remembered", async () => {
    const { page, client } = app()
    const paged = (path: string) => ({ ...notes(page, path), placeholderData: keepPreviousData })
    const { observer, seen } = watch(client, paged('/page/1'))
    await settled(client)
    page.answers = () => new Promise(() => {})
    observer.setOptions(paged('/page/2'))
    assert.deepEqual(observer.getCurrentResult().data, { of: 'anna', at: '/page/1' })
    seen.length = 0
    page.become('AUTHENTICATED', 'berta')
    await new Promise(setImmediate)
    assert.equal(observer.getCurrentResult().data, undefined)
    observer.setOptions(paged('/page/3'))
    assert.equal(observer.getCurrentResult().data, undefined)
    assert.equal(observer.options.placeholderData, keepPreviousData)
  })

  test('a change that waits for the network is never sent (F17)', async () => {
    const { page, client } = app()
    onlineManager.setOnline(false)
    const mutation = new MutationObserver(client, {
      mutationFn: () => page.session.fetch('http://app.test/notes', { method: 'POST' }),
    })
    mutation.mutate().catch(() => {})
    await new Promise(setImmediate)
    assert.equal(mutation.getCurrentResult().isPaused, true)
    page.become('AUTHENTICATED', 'berta')
    onlineManager.setOnline(true)
    await client.resumePausedMutations()
    await new Promise(setImmediate)
    assert.equal(page.sent.length, 0)
  })

  test('a logout empties as much as a switch', async () => {
    const { page, client } = app()
    client.setQueryData(['/notes'], { of: 'anna' })
    page.become('UNAUTHENTICATED')
    assert.equal(client.getQueryCache().getAll().length, 0)
  })

  test('a change of the same person empties nothing', async () => {
    const { page, client } = app()
    client.setQueryData(['/notes'], { of: 'anna' })
    page.become('AUTHENTICATED', 'anna')
    assert.deepEqual(client.getQueryData(['/notes']), { of: 'anna' })
  })

  test('a client that is no longer bound is left alone', () => {
    const { page, client, stop } = app()
    stop()
    client.setQueryData(['/notes'], { of: 'anna' })
    page.become('AUTHENTICATED', 'berta')
    assert.deepEqual(client.getQueryData(['/notes']), { of: 'anna' })
  })
})

describe('a retry', () => {
  const unavailable = new SessionError('auth_unavailable', { status: 503, retryAfter: 7 })
  const CASES: [name: string, error: unknown, retried: boolean][] = [
    ['of a service that says nothing', unavailable, true],
    ['of an end', new SessionError('session_ended', { status: 401 }), false],
    ['of somebody else', new SessionError('identity_changed', { status: 409 }), false],
    ['of cookies that are not kept', new SessionError('cookies_blocked'), false],
    ['of too many attempts', new SessionError('too_many_attempts', { status: 429, retryAfter: 60 }), true],
    ['of a 404', Object.assign(new Error('not found'), { status: 404 }), false],
    ['of a 422 that axios reports', { response: { status: 422 } }, false],
    ['of a 502', Object.assign(new Error('bad gateway'), { status: 502 }), true],
    ['of a network that is gone', new TypeError('fetch failed'), true],
    ['of nothing at all', undefined, true],
  ]
  for (const [name, error, retried] of CASES)
    test(`${name} ${retried ? 'helps three times' : 'does not help'}`, () => {
      assert.deepEqual(
        [0, 1, 2, 3].map((failures) => sessionRetry(failures, error)),
        retried ? [true, true, true, false] : [false, false, false, false],
      )
    })

  for (const [code, retried] of [
    ['auth_unavailable', true],
    ['identity_changed', false],
  ] as const)
    test(`judges ${code} through axios as without it`, async () => {
      const page = pretend('AUTHENTICATED', 'anna')
      page.answers = () => Promise.reject(new SessionError(code, { status: 503, retryAfter: 7 }))
      const instance = axios.create()
      attachSession(instance, page.session)
      const error = await instance.get('http://app.test/notes').catch((error) => error)
      assert.equal(sessionRetry(0, error), retried)
      assert.equal(sessionRetryDelay(0, error), 7000)
    })

  test('waits as long as the service said, else as long as TanStack Query would', () => {
    assert.equal(sessionRetryDelay(0, unavailable), 7000)
    assert.deepEqual(
      [0, 1, 9].map((failures) => sessionRetryDelay(failures, new Error('x'))),
      [1000, 2000, 30_000],
    )
  })

  test('follows the rule in the real client', async () => {
    const { page, client } = app()
    let tries = 0
    page.answers = () => {
      tries += 1
      throw new SessionError(tries === 1 ? 'auth_unavailable' : 'session_ended', { status: 401 })
    }
    const { observer } = watch(client, { ...notes(page), retry: sessionRetry, retryDelay: 1 })
    while (observer.getCurrentResult().isFetching) await new Promise((then) => setTimeout(then, 1))
    assert.equal(tries, 2)
    assert.equal((observer.getCurrentResult().error as SessionError).code, 'session_ended')
  })
})
