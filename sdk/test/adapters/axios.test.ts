// axios, the real one, with its own fetch adapter.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import axios, { type AxiosAdapter, AxiosError } from 'axios'
import { attachSession } from '../../src/axios/index.ts'
import { isSessionError, SessionError } from '../../src/index.ts'
import { pretend } from './pretend.ts'

const BASE = 'http://app.test/api'

const attached = (page = pretend('AUTHENTICATED', 'anna')) => {
  const instance = axios.create({ baseURL: BASE })
  return { page, instance, detach: attachSession(instance, page.session) }
}

const failure = (promise: Promise<unknown>): Promise<AxiosError> =>
  promise.then(
    () => assert.fail('it went through'),
    (error) => error,
  )

test('a request leaves through the session with its method, headers and body', async () => {
  const { page, instance } = attached()
  page.answers = async (request) => Response.json({ got: await request.clone().json() }, { status: 201 })
  const { data, status } = await instance.post('/things?x=1', { name: 'lamp' }, { headers: { 'X-Own': 'yes' } })
  const request = page.sent[0]?.request as Request
  assert.deepEqual([status, data], [201, { got: { name: 'lamp' } }])
  assert.deepEqual([request.method, request.url, request.headers.get('x-own')], ['POST', `${BASE}/things?x=1`, 'yes'])
})

test('an answer of the API stays what axios makes of it, a 401 too', async () => {
  const { page, instance } = attached()
  page.answers = () => Response.json({ detail: 'not yours' }, { status: 401 })
  const error = await failure(instance.get('/things'))
  assert.equal(error.response?.status, 401)
  assert.equal(isSessionError(error), false)
  assert.equal(page.sent.length, 1)
})

for (const [code, facts] of [
  ['session_ended', { status: 401, reason: 'revoked' }],
  ['identity_changed', { status: 409 }],
  ['auth_unavailable', { status: 503, retryAfter: 7 }],
] as const)
  test(`${code} is an AxiosError whose cause is what the session said`, async () => {
    const { page, instance } = attached()
    const said = new SessionError(code, facts)
    page.answers = () => Promise.reject(said)
    const error = await failure(instance.get('/things'))
    assert.ok(axios.isAxiosError(error))
    assert.equal(error.cause, said)
    assert.equal(error.code, code)
    assert.equal(error.config?.url, '/things')
    assert.ok(isSessionError(error, code))
    assert.equal(isSessionError(error, 'cookies_blocked'), false)
  })

test("a network that is gone is axios's own network error", async () => {
  const { page, instance } = attached()
  page.answers = () => Promise.reject(new TypeError('fetch failed'))
  const error = await failure(instance.get('/things'))
  assert.equal(error.code, AxiosError.ERR_NETWORK)
  assert.equal(isSessionError(error), false)
})

test('a request that was cancelled while the session made it wait is cancelled', async () => {
  const { page, instance } = attached()
  const stop = new AbortController()
  page.answers = (request) =>
    new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)))
  const error = failure(instance.get('/things', { signal: stop.signal }))
  stop.abort()
  assert.ok(axios.isCancel(await error))
  assert.equal((await error).code, AxiosError.ERR_CANCELED)
})

test('a timeout of axios ends the wait', async () => {
  const { page, instance } = attached()
  page.answers = (request) =>
    new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)))
  const error = await failure(instance.get('/things', { timeout: 5 }))
  assert.match(String(error.code), /ECONNABORTED|ETIMEDOUT/)
})

test('several instances share one session', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  const [one, two] = [attached(page), attached(page)]
  await Promise.all([one.instance.get('/a'), two.instance.get('/b')])
  assert.deepEqual(
    page.sent.map(({ request }) => request.url),
    [`${BASE}/a`, `${BASE}/b`],
  )
})

test('attaching twice is attaching once, and detaching gives the instance back as it was', async () => {
  const page = pretend('AUTHENTICATED', 'anna')
  const adapter: AxiosAdapter = async (config) => ({ data: 'own', status: 200, statusText: '', headers: {}, config })
  const instance = axios.create({ baseURL: BASE, adapter })
  const before = { ...instance.defaults }
  const detach = attachSession(instance, page.session)
  assert.equal(attachSession(instance, page.session), detach)
  await instance.get('/things')
  assert.equal(page.sent.length, 1)
  detach()
  detach()
  assert.deepEqual({ ...instance.defaults }, before)
  assert.equal((await instance.get('/things')).data, 'own')
  assert.equal(page.sent.length, 1)
})

test('the last session that was attached is the one that sends, and an older detach leaves it alone', async () => {
  const [old, page] = [pretend('AUTHENTICATED', 'anna'), pretend('AUTHENTICATED', 'berta')]
  const instance = axios.create({ baseURL: BASE })
  const before = { ...instance.defaults }
  const detachOld = attachSession(instance, old.session)
  const detach = attachSession(instance, page.session)
  detachOld()
  await instance.get('/things')
  assert.deepEqual([old.sent.length, page.sent.length], [0, 1])
  detach()
  assert.deepEqual({ ...instance.defaults }, before)
})

test('an instance that is not attached, and axios itself, stay as they are', async () => {
  const { page } = attached()
  assert.equal(axios.defaults.env?.fetch, undefined)
  assert.equal(axios.create().defaults.env?.fetch, undefined)
  assert.equal(page.sent.length, 0)
})
