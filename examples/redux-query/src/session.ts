// Who is logged in, and how requests are sent. The access token is in this module's memory and nowhere else.

import { createSession } from '@perennial/session'
import { attachSession } from '@perennial/session/axios'
import { createFlows } from '@perennial/session/flows'
import axios from 'axios'

export const session = createSession({ transport: 'bearer' })
export const flows = createFlows(session)

export const api = axios.create({ baseURL: '/api' })
attachSession(api, session)
