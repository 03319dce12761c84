// All that this app has to do with logging in. Everything else uses `api` as it uses any axios instance.

import { createSession } from '@perennial/session'
import { attachSession } from '@perennial/session/axios'
import axios from 'axios'

const path = (call: string) => `/api/accounts/auth/${call}/`

export const session = createSession({
  transport: 'bearer',
  paths: {
    session: path('session'),
    token: path('token/refresh'),
    login: path('login'),
    register: path('register'),
    'verify-otp': path('verify-otp'),
    'resend-otp': path('resend-otp'),
    logout: path('logout'),
  },
})

export const api = axios.create({ baseURL: '/api' })
attachSession(api, session)
