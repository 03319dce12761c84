// The Redux store: the session beside what the app keeps for the person, and RTK Query for what the API knows of them.

import { bindStore, selectSession, sessionBaseQuery, sessionReducer } from '@perennial/session/redux'
import { configureStore, createSlice, type PayloadAction } from '@reduxjs/toolkit'
import { createApi, fetchBaseQuery } from '@reduxjs/toolkit/query/react'
import { session } from './session.ts'

export type View = 'notes' | 'account'

const initialState = { view: 'notes' as View, search: '' }

const desk = createSlice({
  name: 'desk',
  initialState,
  reducers: {
    shown: (state, { payload }: PayloadAction<View>) => ({ ...state, view: payload }),
    searched: (state, { payload }: PayloadAction<string>) => ({ ...state, search: payload }),
    cleared: () => initialState,
  },
})
export const { shown, searched, cleared } = desk.actions

interface Me {
  subject: string
  session: string
  aal: number
}

export const account = createApi({
  reducerPath: 'account',
  baseQuery: sessionBaseQuery(session, fetchBaseQuery, { baseUrl: '/api' }),
  endpoints: (build) => ({ me: build.query<Me, void>({ query: () => '/me' }) }),
})

export const store = configureStore({
  reducer: { session: sessionReducer, desk: desk.reducer, [account.reducerPath]: account.reducer },
  middleware: (standard) => standard().concat(account.middleware),
})

// Another person: RTK Query forgets by `reset`, our own slice by this line.
bindStore(store, session, { reset: [account] })
session.on('identity', () => store.dispatch(cleared()))

type Root = ReturnType<typeof store.getState>
export const selectDesk = (root: Root) => root.desk
export const selectPerson = (root: Root) => selectSession(root).user
export const selectReason = (root: Root) => selectSession(root).reason
