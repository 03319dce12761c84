// What a server reads in a `Cookie` header.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { State } from '../../src/core/types.ts'
import { sessionHint } from '../../src/server/index.ts'

const said = ({ status, sessionKey, reason }: State): string => [status, sessionKey, reason].join(' ').trim()

const CASES: [name: string, header: string | null | undefined, is: string][] = [
  ['no header is nobody', undefined, 'UNAUTHENTICATED'],
  ['null is nobody', null, 'UNAUTHENTICATED'],
  ['other cookies are nobody', 'theme=dark; xcsrftoken=anna.t; csrftokens=anna.t', 'UNAUTHENTICATED'],
  ["a hint of the jar's person", 'csrftoken=anna.t; auth_hint=authenticated.anna.r1', 'AUTHENTICATED anna'],
  ['the order does not matter', 'auth_hint=authenticated.anna.r1; csrftoken=anna.t', 'AUTHENTICATED anna'],
  ['no blank after the semicolon', 'csrftoken=anna.t;auth_hint=authenticated.anna.r1', 'AUTHENTICATED anna'],
  ['quotes', 'csrftoken="anna.t"; auth_hint="authenticated.anna.r1"', 'AUTHENTICATED anna'],
  ['something to renew', 'csrftoken=anna.t', 'LOADING anna'],
  ['a visitor with an anti-CSRF token', 'csrftoken=anon.nonce.tag', 'UNAUTHENTICATED'],
  ['a hint without a jar', 'auth_hint=authenticated.anna.r1', 'UNAUTHENTICATED'],
  ['a hint of somebody else', 'csrftoken=anna.t; auth_hint=authenticated.berta.r1', 'LOADING anna'],
  ['a second factor is waited for', 'csrftoken=anon.n.t; auth_hint=mfa_verify_required', 'MFA_VERIFY_REQUIRED'],
  ['a second factor is to be set up', 'auth_hint=mfa_setup_required', 'MFA_SETUP_REQUIRED'],
  ['an address is to be confirmed', 'auth_hint=verify_email_required', 'VERIFY_EMAIL_REQUIRED'],
  ['an end and its reason', 'csrftoken=anon.n.t; auth_hint=ended.reuse', 'UNAUTHENTICATED  reuse'],
  ['an end and a newer login', 'csrftoken=anna.t; auth_hint=ended.reuse', 'LOADING anna'],
  [
    'the prefixed name beats a planted one',
    '__Host-csrftoken=anna.t; csrftoken=eve.t; __Host-auth_hint=authenticated.anna.r; auth_hint=ended.reuse',
    'AUTHENTICATED anna',
  ],
  [
    'the same cookie twice',
    'csrftoken=anna.t; csrftoken=anna.t; auth_hint=authenticated.anna.r1',
    'AUTHENTICATED anna',
  ],
  ['two jars in one', 'csrftoken=anna.t; csrftoken=eve.t; auth_hint=authenticated.anna.r1', 'LOADING'],
  ['two hints in one', 'csrftoken=anna.t; auth_hint=authenticated.anna.r1; auth_hint=ended.reuse', 'LOADING'],
  [
    'garbage beside a good one',
    'csrftoken=; csrftoken=anna.t; auth_hint=%00; auth_hint=authenticated.anna.r1',
    'AUTHENTICATED anna',
  ],
  ['garbage alone', 'csrftoken=<script>.x; auth_hint=authenticated.<script>.x', 'UNAUTHENTICATED'],
  ['a status that does not exist', 'csrftoken=anna.t; auth_hint=admin', 'LOADING anna'],
  ['words of the language itself', 'csrftoken=__proto__.x; auth_hint=constructor', 'LOADING __proto__'],
  ['a header without an end', `${'csrftoken='.repeat(20_000)}; auth_hint=authenticated.anna.r1`, 'UNAUTHENTICATED'],
]

for (const [name, header, is] of CASES) test(`${name}: ${is}`, () => assert.equal(said(sessionHint(header)), is))

test("the names are those of the session's own options", () => {
  const cookies = { csrf: 'app_csrf', hint: 'app_hint' }
  const header = 'app_csrf=anna.t; app_hint=authenticated.anna.r1; csrftoken=eve.t'
  assert.equal(said(sessionHint(header, { cookies })), 'AUTHENTICATED anna')
})

test('a hint is a whole state, which a page can begin with', () => {
  const state = sessionHint('csrftoken=anna.t; auth_hint=authenticated.anna.r1')
  assert.deepEqual(state, { status: 'AUTHENTICATED', sessionKey: 'anna', user: null, reason: null, stale: false })
})
