import axios from 'axios'
import { createAuthRefresh } from 'axios-auth-refresh'
import { expose } from './app.js'

const token = () => localStorage.getItem('token')
let shown = null

const api = axios.create()
api.interceptors.request.use((request) => {
  if (token()) request.headers.Authorization = `Bearer ${token()}`
  return request
})
createAuthRefresh(api, async (failed) => {
  const { data } = await axios.post('/auth/token/refresh')
  localStorage.setItem('token', data.token)
  failed.response.config.headers.Authorization = `Bearer ${data.token}`
})

expose({
  ask: async () => {
    shown = token() ? 'in' : 'out'
  },
  shown: () => shown,
  call: async () => (await api.get('/api/data')).status,
  async login() {
    localStorage.setItem('token', (await axios.post('/auth/login')).data.token)
    shown = 'in'
  },
  async logout() {
    await axios.post('/auth/logout')
    localStorage.removeItem('token')
    shown = 'out'
  },
})
