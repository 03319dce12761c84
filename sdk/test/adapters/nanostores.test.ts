// The atoms, with the real library.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanStores, computed } from 'nanostores'
import { createStores } from '../../src/nanostores/index.ts'
import { pretend } from './pretend.ts'

test('atoms follow the session and feed computed stores', () => {
  const page = pretend('UNAUTHENTICATED')
  const { $session } = createStores(page.session)
  const $greeting = computed($session, ({ status, sessionKey }) => `${status} ${sessionKey}`)
  const seen: string[] = []
  const stop = $greeting.listen((value) => seen.push(value))
  page.become('AUTHENTICATED', 'anna')
  page.become('AUTHENTICATED', 'berta')
  stop()
  assert.deepEqual(seen, ['AUTHENTICATED anna', 'AUTHENTICATED berta'])
})

test('an atom listens only while somebody listens to it', () => {
  const page = pretend('LOADING')
  const { $session, $csrfToken } = createStores(page.session)
  assert.equal(page.subscribers, 0)
  assert.equal(page.questions, 0)
  const stop = $session.listen(() => {})
  assert.equal(page.subscribers, 1)
  stop()
  cleanStores($session, $csrfToken)
  assert.equal(page.subscribers, 0)
})

test('an atom that nobody listened to answers with what is true now', () => {
  const page = pretend('UNAUTHENTICATED')
  const { $session, $csrfToken } = createStores(page.session)
  page.become('AUTHENTICATED', 'anna')
  page.csrf('anna.t')
  assert.equal($session.get().sessionKey, 'anna')
  assert.equal($csrfToken.get(), 'anna.t')
})

test('a new anti-CSRF token is told to those who listen to it, and to nobody else', () => {
  const page = pretend('AUTHENTICATED', 'anna')
  const { $session, $csrfToken } = createStores(page.session)
  const seen: (string | null)[] = []
  let states = 0
  const stops = [$csrfToken.listen((token) => seen.push(token)), $session.listen(() => states++)]
  page.csrf('anna.t1')
  page.csrf('anna.t1')
  page.csrf('anna.t2')
  for (const stop of stops) stop()
  assert.deepEqual(seen, ['anna.t1', 'anna.t2'])
  assert.equal(states, 0)
})
