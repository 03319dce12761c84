// axios with interceptors written by hand: the token in a variable, a queue for the calls that fail meanwhile, and a
// flag on the request so that it is sent again only once.

import axios from 'axios'

const api = axios.create({ baseURL: '/api', withCredentials: true })

let accessToken = null
let isRefreshing = false
let queue = []

const settle = (error, token) => {
  for (const { resolve, reject } of queue) error ? reject(error) : resolve(token)
  queue = []
}

api.interceptors.request.use((config) => {
  if (accessToken) config.headers.Authorization = `Bearer ${accessToken}`
  return config
})

api.interceptors.response.use(
  (response) => response,
  async (error) => {
    const original = error.config
    if (error.response?.status !== 401 || original._retry) throw error
    original._retry = true

    if (isRefreshing) {
      const token = await new Promise((resolve, reject) => queue.push({ resolve, reject }))
      original.headers.Authorization = `Bearer ${token}`
      return api(original)
    }

    isRefreshing = true
    try {
      const { data } = await axios.post('/api/auth/refresh', {}, { withCredentials: true })
      accessToken = data.access
      settle(null, accessToken)
      original.headers.Authorization = `Bearer ${accessToken}`
      return api(original)
    } catch (refused) {
      accessToken = null
      settle(refused)
      throw refused
    } finally {
      isRefreshing = false
    }
  },
)

export const login = async (email, password) => {
  const { data } = await api.post('/auth/login', { email, password }, { _retry: true })
  accessToken = data.access
}

export const get = async (path) => (await api.get(path)).data

export const post = async (path, body) => (await api.post(path, body)).data
