// The page around the clients: a form to log in with the first of them, and for each of them a panel that uses it.

import '../shared/meter.js'
import '../shared/style.css'
import './panels.css'

const app = document.querySelector('#app')

export async function show({ lead, logout, panels }) {
  // As such apps do: ask for something, and show the login when that is refused.
  const inside = await panels
    .at(-1)
    .client.get('/me')
    .then(Boolean, () => false)
  app.innerHTML = `
    <header class="masthead">
      <span class="brand">${MARK}Legacy</span>
      ${inside ? '<nav class="ways"><button class="secondary small" type="button" id="leave">Sign out</button></nav>' : ''}
    </header>
    <main>
      <div class="intro"><p class="eyebrow">Client code that was here before us</p><h1>Nothing to change</h1><p class="lead">${lead}</p></div>
    </main>
    <request-meter></request-meter>`
  const main = app.querySelector('main')
  if (inside) main.append(...panels.map(panel))
  else main.append(login(panels[0].client))
  app.querySelector('#leave')?.addEventListener('click', () => leave(logout))
}

async function leave(path) {
  await fetch(path, { method: 'POST' })
  localStorage.clear()
  location.reload()
}

function login(client) {
  const card = document.createElement('form')
  card.className = 'card'
  card.innerHTML = `
    <h2>Sign in</h2>
    <p class="message problem" role="alert" hidden></p>
    <div class="field"><label for="email">E-mail address</label><input id="email" name="email" type="email" autocomplete="username" required></div>
    <div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required></div>
    <button class="primary wide">Sign in</button>`
  card.addEventListener('submit', async (event) => {
    event.preventDefault()
    const { email, password } = Object.fromEntries(new FormData(card))
    try {
      await client.login(email, password)
      location.reload()
    } catch (error) {
      const problem = card.querySelector('.problem')
      problem.textContent = error.response?.data?.detail ?? error.message
      problem.hidden = false
    }
  })
  return card
}

function panel({ id, title, says, client, source }) {
  const card = document.createElement('section')
  card.className = 'card'
  card.id = id
  card.innerHTML = `
    <h2>${title}</h2>
    <p class="lead">${says}</p>
    <div class="actions">
      <button class="secondary small" type="button" data-calls="one">One call</button>
      <button class="secondary small" type="button" data-calls="many">Twenty at once</button>
      <button class="secondary small" type="button" data-calls="write">Write a note</button>
    </div>
    <p class="message" role="status" hidden></p>
    <details><summary>The client</summary><pre class="source"></pre></details>`
  card.querySelector('pre').textContent = source
  const calls = {
    one: () => [client.get('/me')],
    many: () => Array.from({ length: 20 }, () => client.get('/me')),
    write: () => [client.post('/notes', { text: `A note by ${title}` })],
  }
  const status = card.querySelector('[role=status]')
  card.querySelector('.actions').addEventListener('click', async ({ target }) => {
    const begin = calls[target.dataset.calls]
    if (!begin) return
    status.hidden = false
    status.className = 'message'
    status.textContent = '…'
    const ends = await Promise.allSettled(begin())
    const lost = ends.filter((end) => end.status === 'rejected')
    status.textContent = `${ends.length - lost.length} of ${ends.length} answered.${lost[0] ? ` ${lost[0].reason.message}` : ''}`
    status.classList.add(lost.length > 0 ? 'problem' : 'success')
  })
  return card
}

const MARK = `
  <svg class="mark" viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
    <path d="M12 28.1a12.8 12.8 0 1 1 8 0" /><path d="M16 29V14.5" />
    <path fill="currentColor" d="M16 21.5c-4.9 0-7-2.7-7-6.8 4.9 0 7 2.7 7 6.8Zm0-5.2c0-4.7 2.4-7.3 7-7.8 0 5-2.4 7.8-7 7.8Z" />
  </svg>`
