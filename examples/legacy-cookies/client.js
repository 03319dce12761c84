// A client of server-rendered days: no token in sight, everything in cookies, and the CSRF token read from the
// `csrftoken` cookie for whatever changes something.

const getCookie = (name) => {
  const pair = document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`))
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : null
}

const send = (path, options) => {
  const headers = { ...options.headers }
  if (options.method !== 'GET') headers['X-CSRFToken'] = getCookie('csrftoken')
  return fetch(path, { ...options, headers, credentials: 'same-origin' })
}

const request = async (path, options = { method: 'GET' }) => {
  let response = await send(`/api${path}`, options)
  if (response.status === 401) {
    const renewed = await send('/api/auth/token/', { method: 'POST' })
    if (renewed.ok) response = await send(`/api${path}`, options)
  }
  const data = await response.json()
  if (!response.ok) throw new Error(data.detail)
  return data
}

const json = (body) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})

export const login = async (email, password) => {
  if (!getCookie('csrftoken')) await fetch('/api/auth/session/')
  const response = await send('/api/auth/login/', json({ email, password }))
  if (!response.ok) throw new Error((await response.json()).detail)
}

export const get = (path) => request(path)

export const post = (path, body) => request(path, json(body))
