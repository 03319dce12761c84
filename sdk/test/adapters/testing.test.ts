// The request budget.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectRequests } from '../../src/testing/index.ts'
import { pretend } from './pretend.ts'

const ask = (page: ReturnType<typeof pretend>, ...calls: string[]): void => {
  for (const call of calls) page.tell('request', { call })
}

test('a budget that holds returns what the scene returns', async () => {
  const page = pretend()
  const value = await expectRequests(page.session, { token: 1, session: 0 }, async () => {
    ask(page, 'token')
    return 7
  })
  assert.equal(value, 7)
})

test('a request too many is named with both numbers', async () => {
  const page = pretend()
  const scene = expectRequests(page.session, { token: 1 }, () => ask(page, 'token', 'token'))
  await assert.rejects(scene, { message: 'requests to the service: token: 2 instead of 1' })
})

test('a request too few is named, and so is one that nobody expected', async () => {
  const page = pretend()
  const scene = expectRequests(page.session, { token: 1 }, () => ask(page, 'session'))
  await assert.rejects(scene, { message: 'requests to the service: token: 0 instead of 1, session: 1 instead of 0' })
})

test('requests before and after the scene do not count', async () => {
  const page = pretend()
  ask(page, 'token')
  await expectRequests(page.session, {}, () => {})
  ask(page, 'token')
  await assert.rejects(
    expectRequests(page.session, {}, () => Promise.reject(new Error('the scene itself'))),
    { message: 'the scene itself' },
  )
})
