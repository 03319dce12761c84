// A frontend of the wire `simplejwt` that knows nothing of this project: axios, with axios-auth-refresh as it
// comes from npm, and a cookie jar because Node has none.
//
// usage: foreign_client.mjs renewed|refused URL EMAIL PASSWORD
//
// It logs in, waits until its access token has expired, and makes twenty calls at once; for `refused` the
// session has been ended elsewhere by then. Prints one line of JSON: how the calls ended, and what was sent.
// PERENNIAL_NODE_MODULES names the folder that the packages are installed in.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const load = createRequire(join(process.env.PERENNIAL_NODE_MODULES, 'any.js'))
const axios = load('axios')
const { createAuthRefresh } = load('axios-auth-refresh')
const { wrapper } = load('axios-cookiejar-support')
const { CookieJar } = load('tough-cookie')

const CALLS = 20
const [story, url, email, password] = process.argv.slice(2)

// What the browser would add.
const browser = (jar) => wrapper(axios.create({ baseURL: url, jar, headers: { Origin: url }, proxy: false }))

const jar = new CookieJar()
const auth = browser(jar)
const sent = { login: 0, refresh: 0, calls: 0 }
let access = null
let over = null

const app = browser(jar)
app.interceptors.request.use((request) => {
  sent.calls += 1
  request.headers.Authorization = `Bearer ${access}`
  return request
})
// Not the default: with it, the library gives up on every call but the first whose 401 comes back meanwhile.
createAuthRefresh(app, renew, { deduplicateRefresh: false })

async function renew(failed) {
  // A 401 that comes after the renewal: the call was sent with the former token, or nobody is logged in any more.
  if (over) throw over
  if (failed.config.headers.Authorization !== `Bearer ${access}`) return
  sent.refresh += 1
  try {
    access = (await auth.post('/api/accounts/auth/token/refresh/')).data.access
  } catch (error) {
    over = error
    throw error
  }
}

sent.login += 1
access = (await auth.post('/api/accounts/auth/login/', { email, password })).data.access
if (story === 'refused') {
  const elsewhere = browser(await jar.clone())
  await elsewhere.post('/api/accounts/auth/logout/')
} else {
  const bare = browser(jar)
  const asked = () => bare.get('/auth/sessions', { headers: { Authorization: `Bearer ${access}` }, validateStatus: null })
  while ((await asked()).status === 200) await pause(50)
}

const calls = Array.from({ length: CALLS }, () => app.get('/auth/sessions'))
const ends = await Promise.allSettled(calls)
const before = { ...sent }
await pause(300)
const reasons = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason.response?.data?.code ?? String(reason))
console.log(
  JSON.stringify({
    fulfilled: ends.filter((end) => end.status === 'fulfilled' && end.value.data.sessions.length === 1).length,
    reasons: [...new Set(reasons)].sort(),
    rejected: reasons.length,
    sent,
    quiet: JSON.stringify(before) === JSON.stringify(sent),
  }),
)
