// React itself, on a document that is just enough for it. What needs a real one (hydration, bfcache) is in the applications' tests.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { act, createElement as h, type ReactNode, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import type { State, Status } from '../../src/core/types.ts'
import { SessionManager, SessionProvider, useSession, useSessionClient } from '../../src/react/index.ts'
import { sessionHint } from '../../src/server/index.ts'
import { place } from './dom.ts'
import { type Pretended, pretend } from './pretend.ts'

const statusOf = ({ status }: State): Status => status

const mount = async (page: Pretended, children: ReactNode) => {
  const container = place()
  const root = createRoot(container)
  await act(() => root.render(h(StrictMode, null, h(SessionProvider, { session: page.session }, children))))
  return {
    text: () => container.textContent,
    render: (next: ReactNode) => act(() => root.render(h(SessionProvider, { session: page.session }, next))),
    unmount: () => act(() => root.unmount()),
  }
}

interface Look {
  select?: (state: State) => unknown
  counted?: { renders: number }
}

/** Shows what `select` makes of the state, and counts how often it is rendered. */
function Shown({ select = (state) => state, counted = { renders: 0 } }: Look): ReactNode {
  counted.renders += 1
  return JSON.stringify(useSession(select))
}

function Client(): ReactNode {
  return JSON.stringify(Object.keys(useSessionClient()))
}

const drafts = { made: 0 }

function Draft(): ReactNode {
  const [draft] = useState(() => {
    drafts.made += 1
    return drafts.made
  })
  return `draft ${draft} of ${useSession().sessionKey}`
}

describe('useSession', () => {
  test('is the state, and follows it', async () => {
    const page = pretend('UNAUTHENTICATED')
    const shown = await mount(page, h(Shown))
    assert.equal(JSON.parse(shown.text()).status, 'UNAUTHENTICATED')
    await act(() => page.become('AUTHENTICATED', 'anna'))
    assert.deepEqual(JSON.parse(shown.text()), page.session.state)
  })

  test('listens once however often StrictMode mounts, and not at all afterwards', async () => {
    const page = pretend('UNAUTHENTICATED')
    const shown = await mount(page, h(Shown))
    assert.equal(page.subscribers, 1)
    await shown.unmount()
    assert.equal(page.subscribers, 0)
  })

  test('with a selector renders only when the selection is another one', async () => {
    const page = pretend('AUTHENTICATED', 'anna')
    const counted = { renders: 0 }
    const shown = await mount(page, h(Shown, { select: statusOf, counted }))
    counted.renders = 0
    await act(() => page.become('AUTHENTICATED', 'berta'))
    assert.equal(counted.renders, 0)
    await act(() => page.become('UNAUTHENTICATED'))
    assert.notEqual(counted.renders, 0)
    assert.equal(shown.text(), '"UNAUTHENTICATED"')
  })

  test('with a selector that makes a new object every time does not render without end', async () => {
    const page = pretend('AUTHENTICATED', 'anna')
    const shown = await mount(page, h(Shown, { select: ({ sessionKey }) => ({ deep: { of: sessionKey } }) }))
    assert.equal(shown.text(), '{"deep":{"of":"anna"}}')
    await act(() => page.become('AUTHENTICATED', 'berta'))
    assert.equal(shown.text(), '{"deep":{"of":"berta"}}')
  })

  test('a new selector counts at once', async () => {
    const page = pretend('AUTHENTICATED', 'anna')
    const shown = await mount(page, h(Shown, { select: statusOf }))
    await shown.render(h(Shown, { select: ({ sessionKey }) => sessionKey }))
    assert.equal(shown.text(), '"anna"')
  })

  test('without a provider says so', () => {
    assert.throws(() => renderToString(h(Shown)), /SessionProvider/)
  })

  test('the session itself is at hand', async () => {
    const page = pretend('UNAUTHENTICATED')
    assert.deepEqual(JSON.parse((await mount(page, h(Client))).text()), Object.keys(page.session))
  })
})

describe('on a server', () => {
  const app = (page: Pretended, initial?: State): string => {
    const routes = { AUTHENTICATED: 'app', UNAUTHENTICATED: 'login' }
    const manager = h(SessionManager, { routes, fallback: 'splash' })
    return renderToString(h(SessionProvider, { session: page.session, initial }, manager))
  }

  test('nothing is known and nothing is asked', () => {
    const page = pretend('LOADING')
    assert.equal(app(page), 'splash')
    assert.equal(page.questions, 0)
  })

  test('the hint of the request chooses the first paint', () => {
    const page = pretend('LOADING')
    assert.equal(app(page, sessionHint('csrftoken=anna.t; auth_hint=authenticated.anna.r')), 'app')
    assert.equal(app(page, sessionHint('csrftoken=anon.n.t')), 'login')
    assert.equal(page.questions, 0)
  })
})

describe('SessionManager', () => {
  const routes: Partial<Record<Status, string>> = {
    AUTHENTICATED: 'app',
    UNAUTHENTICATED: 'login',
    MFA_VERIFY_REQUIRED: 'code',
    MFA_SETUP_REQUIRED: 'scan',
    VERIFY_EMAIL_REQUIRED: 'mail',
  }
  const manager = h(SessionManager, { routes, fallback: 'splash' })

  test('shows the page of every status, and nothing else on the way', async () => {
    const page = pretend('LOADING')
    const shown = await mount(page, manager)
    assert.equal(shown.text(), 'splash')
    for (const [status, text] of Object.entries(routes)) {
      await act(() => page.become(status as Status, status === 'AUTHENTICATED' ? 'anna' : null))
      assert.equal(shown.text(), text)
    }
  })

  test('a page that is loaded again in the middle of a step is that step', async () => {
    const shown = await mount(pretend('MFA_SETUP_REQUIRED'), manager)
    assert.equal(shown.text(), 'scan')
  })

  test('shows its children where no page is named', async () => {
    const page = pretend('AUTHENTICATED', 'anna')
    const shown = await mount(
      page,
      h(SessionManager, { routes: { UNAUTHENTICATED: 'login' }, fallback: 'splash' }, 'app'),
    )
    assert.equal(shown.text(), 'app')
    await act(() => page.become('UNAUTHENTICATED'))
    assert.equal(shown.text(), 'login')
    await act(() => page.become('LOADING'))
    assert.equal(shown.text(), 'splash')
  })

  test('shows nothing where nothing is named', async () => {
    const shown = await mount(
      pretend('UNAUTHENTICATED'),
      h(SessionManager, { routes: { UNAUTHENTICATED: null } }, 'app'),
    )
    assert.equal(shown.text(), '')
  })

  test('what one person left in a component is gone when another one comes, and stays for the same person', async () => {
    const page = pretend('AUTHENTICATED', 'anna')
    const shown = await mount(page, h(SessionManager, { routes: { AUTHENTICATED: h(Draft) } }))
    const before = shown.text()
    await act(() => page.become('AUTHENTICATED', 'anna'))
    assert.equal(shown.text(), before)
    await act(() => page.become('AUTHENTICATED', 'berta'))
    assert.match(shown.text(), /of berta$/)
    assert.notEqual(shown.text().split(' of ')[0], before.split(' of ')[0])
  })
})
