// axios with axios-auth-refresh, as its README shows: the token in localStorage, renewed by a bare POST.

import axios from 'axios'
import { createAuthRefresh } from 'axios-auth-refresh'

const api = axios.create({ baseURL: '/api' })

const getAccessToken = () => localStorage.getItem('token')

const refreshAuthLogic = (failedRequest) =>
  axios.post('/api/auth/refresh', null, { withCredentials: true }).then((answer) => {
    localStorage.setItem('token', answer.data.access)
    failedRequest.response.config.headers.Authorization = `Bearer ${answer.data.access}`
    return Promise.resolve()
  })

api.interceptors.request.use((request) => {
  request.headers.Authorization = `Bearer ${getAccessToken()}`
  return request
})

// By default the library runs one refresh and gives up on every other call whose 401 comes back meanwhile.
createAuthRefresh(api, refreshAuthLogic, { deduplicateRefresh: false })

export const login = async (email, password) => {
  const { data } = await axios.post('/api/auth/login', { email, password }, { withCredentials: true })
  localStorage.setItem('token', data.access)
}

export const get = async (path) => (await api.get(path)).data

export const post = async (path, body) => (await api.post(path, body)).data
