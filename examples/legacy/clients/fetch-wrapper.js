// The same with fetch: one promise that everybody waits for while a refresh is under way.

let token = null
let refreshing = null

const refresh = async () => {
  const response = await fetch('/api/auth/refresh', { method: 'POST', credentials: 'include' })
  const data = await response.json()
  if (!response.ok) throw new Error(data.detail)
  token = data.access
}

const request = async (path, options = {}, retried = false) => {
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) }
  const response = await fetch(`/api${path}`, { ...options, headers, credentials: 'include' })
  if (response.status === 401 && !retried) {
    refreshing ??= refresh().finally(() => {
      refreshing = null
    })
    await refreshing
    return request(path, options, true)
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
  token = (await request('/auth/login', json({ email, password }), true)).access
}

export const get = (path) => request(path)

export const post = (path, body) => request(path, json(body))
