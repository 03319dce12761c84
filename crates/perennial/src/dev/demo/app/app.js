// The demo's page. It calls the API through the SDK as the service hands it out: no token, no refresh, no retry here.

import { person, server, session } from './facts.js'

const ROWS = 50
const REMEMBERED = 400
const DRAWN_EVERY_MS = 200
const find = (selector) => document.querySelector(selector)
const pause = (ms) => new Promise((done) => setTimeout(done, ms))

// What the page sends

async function call(method, path, body, send = session.fetch) {
  const headers = { accept: 'application/json' }
  if (body) headers['content-type'] = 'application/json'
  try {
    const answer = await send(path, { method, headers, body: body && JSON.stringify(body) })
    const text = await answer.text()
    return { ok: answer.ok, status: answer.status, said: text.startsWith('{') ? JSON.parse(text) : {} }
  } catch ({ status = 0, code, reason, message }) {
    return { ok: false, status, said: { code, reason, detail: code ? message : 'No answer came.' } }
  }
}

const me = () => call('GET', '/api/me')
const control = (name) => call('POST', `/dev/demo/${name}`)

// Who is here

function show(who) {
  find('#somebody').hidden = !who
  find('#nobody').hidden = Boolean(who)
  find('#enter').href = `${server.login}?return_to=${encodeURIComponent(location.pathname)}`
  if (!who) return
  const name = who.name || who.email || 'Somebody'
  find('#somebody .portrait').textContent = name[0].toUpperCase()
  find('#somebody .name').textContent = name
  find('#somebody .email').textContent = who.email ?? ''
}

session.on('change', ({ state: { status, reason } }) => {
  if (status !== 'UNAUTHENTICATED') return
  show(null)
  find('#told').textContent = ''
  if (reason) find('#ended').textContent = reason === 'logout' ? 'You are signed out.' : `The session is over (${reason}). Log in again.`
})

async function whoAmI() {
  const { ok, status, said } = await me()
  if (ok) {
    const left = Math.round(said.expires_at - Date.now() / 1000)
    find('#told').textContent = `The API verified your token: subject ${said.subject.slice(0, 8)}…, good for ${left} s.`
  }
  answered('GET /api/me', ok, status, said)
}

function answered(what, ok, status, said) {
  const line = find('#answer')
  line.className = ok ? 'told' : 'told problem'
  line.textContent = ok ? `${what}: ${status}.` : `${what}: ${status || 'no answer'}. ${said.detail ?? ''}`
}

// What the buttons do

let stream
let written = 0

const actions = {
  me: whoAmI,
  async burst() {
    const answers = await Promise.all(Array.from({ length: 20 }, me))
    const good = answers.filter(({ ok }) => ok).length
    answered(`20 × GET /api/me, ${good} good`, good === 20, answers[0].status, answers.find(({ ok }) => !ok)?.said)
  },
  async write() {
    const { ok, status, said } = await call('POST', '/api/items', { text: `item ${(written += 1)}` })
    answered('POST /api/items', ok, status, said)
  },
  async slow() {
    find('#answer').textContent = 'GET /api/slow: waiting two seconds …'
    const { ok, status, said } = await call('GET', '/api/slow')
    answered('GET /api/slow', ok, status, said)
  },
  stream(button) {
    const ticking = (open) => {
      button.setAttribute('aria-pressed', open)
      button.textContent = open ? 'Close the stream' : 'Open a stream'
    }
    if (stream) {
      stream.close()
      stream = undefined
      answered('GET /api/events', true, 'closed by you', {})
      return ticking(false)
    }
    stream = new EventSource('/api/events')
    stream.onmessage = ({ data }) => answered('GET /api/events', true, `event ${data}`, {})
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return answered('GET /api/events', false, 'cut', { detail: 'The browser asks again.' })
      stream = undefined
      answered('GET /api/events', false, 'refused', { detail: 'The stream was cut, and is not opened again.' })
      ticking(false)
    }
    ticking(true)
  },
  async expire() {
    await control('expire')
    await whoAmI()
  },
  async distrust() {
    await control('distrust')
    await whoAmI()
  },
  async cut() {
    const { said } = await control('cut')
    await pause(100)
    await whoAmI()
    await pause(said.seconds * 1000 + 300)
    await whoAmI()
  },
  async revoke() {
    const { ok, status, said } = await control('revoke')
    if (!ok) return answered('Revoke', ok, status, said)
    await whoAmI()
  },
  steal: playTheft,
}

document.addEventListener('click', async ({ target }) => {
  const button = target.closest('[data-do]')
  if (!button || button.disabled) return
  button.disabled = true
  try {
    await actions[button.dataset.do](button)
  } finally {
    button.disabled = false
  }
})

find('#leave').addEventListener('click', () => session.signOut())

// A theft

// By hand: the SDK would ask again where it is told that its token is stale, as you do here, and say nothing of it.
const asYou = async () => {
  await control('expire')
  return call('GET', '/api/me', undefined, fetch)
}
const asThief = async () => {
  let { said } = await control('thief')
  // The thief has ended your session, and the SDK learnt it just now. Nobody may look on all the same.
  if (said.code === 'session_ended' && !said.status) ({ said } = await call('POST', '/dev/demo/thief', undefined, fetch))
  return { ok: said.status === 200, status: said.status, said }
}

const later = { who: 'Time', run: () => control('later'), good: ({ said }) => `One cooldown passes (${said.passed}).` }
const STORY = [
  {
    who: 'Thief',
    run: () => control('steal'),
    good: () => 'Copies your cookies, those that no script can read too, and takes them to another machine.',
  },
  later,
  {
    who: 'Thief',
    run: asThief,
    good: ({ said }) =>
      said.generation === null ? 'Asks first, and is answered.' : `Asks first. The token is right, so the thief is handed the next one, generation ${said.generation}.`,
  },
  {
    who: 'You',
    run: asYou,
    good: () =>
      'Ask with the one before. You are answered, on a branch of your own: had an answer got lost on its way, it would look just like this, so nobody is accused.',
  },
  later,
  {
    who: 'Thief',
    run: asThief,
    good: ({ said }) => (said.generation === null ? 'Asks, and is answered.' : `Asks again, and is handed generation ${said.generation}, made from the thief’s branch.`),
  },
  {
    who: 'You',
    run: asYou,
    bad: {
      stale_token: 'Your branch is not the one that this generation was made from. You are told so, with a signed mark in your jar. Nothing else changes yet: a slow request of an honest jar looks like this as well.',
    },
  },
  {
    who: 'You',
    run: asYou,
    bad: {
      session_ended: 'Ask again. You were told before and still hold nothing newer, so your token is in two hands. The session ends for both.',
    },
  },
  {
    who: 'Thief',
    run: asThief,
    bad: { session_ended: 'Is out as well, and everything it copied is worthless. You sign in again, once.' },
  },
]

async function playTheft() {
  const list = find('.steps')
  list.replaceChildren()
  find('#theft').hidden = false
  find('#theft').scrollIntoView({ block: 'nearest' })
  for (const { who, run, good, bad } of STORY) {
    const item = element('li', `step-of-${who.toLowerCase()}`)
    item.append(element('p', 'who', who), element('p', 'hint', '…'))
    list.append(item)
    const answer = await run()
    const { ok, status, said } = answer
    const text = (ok ? good?.(answer) : bad?.[said.code]) ?? said.why ?? said.detail ?? 'Asks, and is answered.'
    item.lastChild.textContent = text
    if (run === asYou || run === asThief) item.firstChild.append(outcome(status, ok ? '' : (said.reason ?? said.code)))
    if (!ok && said.code === 'not_authenticated') break
    await pause(900)
  }
  session.ensureFresh()
}

function outcome(status, code) {
  return element('span', status < 400 ? 'tag on' : 'tag bad', code ? `${status} ${code}` : `${status}`)
}

// The live view

const counts = { requests: 0, renewed: 0, replayed: 0, refused: 0, auth: 0 }
const seen = []
let due = false

function watch() {
  if (!globalThis.SharedWorker) {
    const source = new EventSource('/dev/live')
    source.onopen = () => take({ open: true })
    source.onerror = () => take({ open: false })
    source.onmessage = ({ data }) => take({ exchanges: [JSON.parse(data)] })
    return
  }
  const { port } = new SharedWorker('/demo/live.js', { type: 'module' })
  port.onmessage = ({ data }) => take(data)
}

function take({ open, exchanges = [] }) {
  if (open !== undefined) {
    find('#state').textContent = open ? 'Live' : 'Not connected'
    find('#state').classList.toggle('on', open)
  }
  for (const exchange of exchanges) {
    seen.unshift(exchange)
    counts.requests += 1
    counts.renewed += exchange.renewed
    counts.replayed += exchange.replayed
    counts.refused += exchange.why !== null
  }
  draw()
}

const isNotable = (exchange) => exchange.renewed || exchange.replayed || exchange.status >= 400

// What stays in memory: the last exchanges, and the last notable ones.
function forget() {
  let notable = 0
  const kept = seen.filter((exchange, place) => place < REMEMBERED || (isNotable(exchange) && (notable += 1) <= ROWS))
  seen.splice(0, seen.length, ...kept)
}

function draw() {
  if (due) return
  due = true
  setTimeout(() => {
    due = false
    forget()
    for (const [name, count] of Object.entries(counts)) find(`[data-count=${name}]`).textContent = count.toLocaleString('en-GB')
    const wanted = find('#notable').checked ? seen.filter(isNotable) : seen
    find('#none').hidden = wanted.length > 0
    find('.exchanges').replaceChildren(...folded(wanted).slice(0, ROWS).map(row))
  }, DRAWN_EVERY_MS)
}

// One row for what came to the same several times in a row, if there is nothing notable about it.
function folded(exchanges) {
  const rows = []
  for (const exchange of exchanges) {
    const last = rows.at(-1)
    const same = last && !isNotable(exchange) && ['method', 'path', 'status', 'verdict', 'renewed', 'replayed'].every((key) => last.exchange[key] === exchange[key])
    if (same) last.times += 1
    else rows.push({ exchange, times: 1 })
  }
  return rows
}

function row({ exchange, times }) {
  exchange.row ??= drawn(exchange)
  exchange.row.querySelector('.times').textContent = times > 1 ? ` × ${times}` : ''
  return exchange.row
}

const SAYINGS = { anonymous: 'nobody', authenticated: 'known', open: 'open' }

function drawn({ at, method, path, status, verdict, renewed, replayed, theft, why, phases }) {
  const item = element('li', theft ? 'exchange theft' : why !== null ? 'exchange refused' : 'exchange')
  const time = element('time', '', new Date(at).toLocaleTimeString('en-GB'))
  const request = element('p', 'request')
  request.append(element('b', '', method), ` ${path}`, element('span', 'times'))
  const tags = element('p', 'tags')
  if (renewed) tags.append(element('span', 'tag on', 'renewed in flight'))
  if (replayed) tags.append(element('span', 'tag on', 'sent once more'))
  if (theft) tags.append(element('span', 'tag bad', 'theft'))
  tags.append(element('span', 'verdict', SAYINGS[verdict] ?? verdict), element('span', status < 400 ? 'code' : 'code bad', status))
  item.append(time, request, tags, bar(phases))
  if (why !== null) item.append(element('p', 'why', why))
  return item
}

function bar(phases) {
  const whole = phases.reduce((sum, [, took]) => sum + took, 0)
  const line = element('p', 'took')
  const track = element('span', 'track')
  for (const [name, took] of phases) {
    const part = element('span', name)
    part.style.flexGrow = took / whole
    part.title = `${name} ${took.toFixed(2)} ms`
    track.append(part)
  }
  line.append(track, element('span', 'ms', `${whole < 10 ? whole.toFixed(1) : Math.round(whole)} ms`))
  return line
}

function element(name, kind, text) {
  const made = document.createElement(name)
  if (kind) made.className = kind
  if (text !== undefined) made.textContent = text
  return made
}

// The calls to the auth service that this page has made, by the browser's own list.
new PerformanceObserver((list) => {
  const base = location.origin + server.authBase
  counts.auth += list.getEntries().filter(({ name, initiatorType }) => initiatorType === 'fetch' && name.startsWith(`${base}/`)).length
  draw()
}).observe({ type: 'resource', buffered: true })

find('#notable').addEventListener('change', draw)
find('#cooldown').textContent = server.cooldown
show(person)
watch()
if (person) whoAmI()
