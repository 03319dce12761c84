// What is known before anything is known: the state of servers, of hydration and of the first moment.

import type { State } from './core/types.ts'

export const LOADING: State = Object.freeze({
  status: 'LOADING',
  sessionKey: null,
  user: null,
  reason: null,
  stale: false,
})
