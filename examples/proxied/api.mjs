// A backend of the usual kind: accounts, tokens and pages of its own. Nothing in here knows that a gateway stands in front
// of it. It answers its login with tokens in JSON, wants the access token as a bearer and the refresh token as a
// cookie, and punishes a refresh token that comes twice: all of that login's tokens end.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errors, jwtVerify, SignJWT } from 'jose'
import { loginPage, missingPage, orderPage, ordersPage } from './pages.mjs'

const ACCESS_SECONDS = Number(process.env.ORDERS_ACCESS_SECONDS ?? 60)
const AUTH = '/api/v1/users/auth'
const ASSETS = {
  'style.css': ['text/css', '../shared/style.css'],
  'icon.svg': ['image/svg+xml', '../shared/public/icon.svg'],
  'meter.js': ['text/javascript', '../shared/meter.js'],
  'calls.js': ['text/javascript', '../shared/calls.js'],
  'login.js': ['text/javascript', './assets/login.js'],
  'app.js': ['text/javascript', './assets/app.js'],
}

export const accounts = [
  { email: 'ada@orders.test', password: 'lovelace', name: 'Ada' },
  { email: 'grace@orders.test', password: 'hopper', name: 'Grace' },
]

const orders = [
  { id: 1045, customer: 'Botanical Society', items: '40 seed trays', total: 312, stock: 160, sent: false },
  { id: 1044, customer: 'M. Okafor', items: '2 pruning shears', total: 58, stock: 9, sent: false },
  {
    id: 1043,
    customer: 'Hill Street School',
    items: '12 watering cans, 12 trowels',
    total: 214,
    stock: 31,
    sent: true,
  },
  { id: 1042, customer: 'J. Lindqvist', items: '1 cold frame', total: 129, stock: 0, sent: true },
]

export function createApi() {
  const secret = randomBytes(32)
  /** Refresh token → the login that it belongs to. A login ends as a whole. */
  const refreshTokens = new Map()

  async function tokens(login) {
    const refresh = randomBytes(32).toString('base64url')
    refreshTokens.set(refresh, { login, spent: false })
    const access = await new SignJWT({ name: login.name, login: login.id })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(login.email)
      .setExpirationTime(Math.floor(Date.now() / 1000) + ACCESS_SECONDS)
      .sign(secret)
    return { success: true, data: { access_token: access, refresh_token: refresh, name: login.name } }
  }

  async function person(request) {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (!token) return { refusal: 'Not authenticated' }
    try {
      const { payload } = await jwtVerify(token, secret)
      return { email: payload.sub, name: payload.name, login: payload.login }
    } catch (error) {
      return { refusal: error instanceof errors.JWTExpired ? 'Access token has expired' : 'Invalid token' }
    }
  }

  const auth = {
    async login(request, reply) {
      const entry = await body(request)
      const account = accounts.find(({ email, password }) => email === entry.email && password === entry.password)
      if (!account) return reply.json(401, { detail: 'That is not the right e-mail address and password.' })
      reply.json(
        200,
        await tokens({ id: randomBytes(8).toString('hex'), email: account.email, name: account.name, over: false }),
      )
    },
    async 'refresh-token'(request, reply) {
      const held = refreshTokens.get(cookie(request, 'refresh_token'))
      if (!held || held.login.over) return reply.json(401, { detail: 'Refresh token is not valid' })
      if (held.spent) {
        held.login.over = true
        return reply.json(401, { detail: 'Refresh token was used before' })
      }
      held.spent = true
      reply.json(200, await tokens(held.login))
    },
    async logout(request, reply) {
      const held = refreshTokens.get(cookie(request, 'refresh_token'))
      if (held) held.login.over = true
      reply.redirect('/login')
    },
    /** Ends this person's logins on all other devices. */
    async 'logout-others'(request, reply) {
      const here = await person(request)
      if (here.refusal) return reply.json(401, { detail: here.refusal })
      for (const { login } of refreshTokens.values())
        if (login.email === here.email && login.id !== here.login) login.over = true
      reply.redirect('/')
    },
  }

  async function api(request, pathname, reply) {
    const who = await person(request)
    if (who.refusal) return reply.json(401, { detail: who.refusal })
    const [, id, part] = /^\/api\/v1\/orders\/(\d+)\/(stock|sent)$/.exec(pathname) ?? []
    const order = orders.find((one) => String(one.id) === id)
    if (!order) return reply.json(404, { detail: 'There is no such order.' })
    if (part === 'sent' && request.method === 'POST') order.sent = (await body(request)).sent === true
    reply.json(200, { id: order.id, sent: order.sent, stock: order.stock })
  }

  async function page(request, url, reply) {
    const who = await person(request)
    if (url.pathname === '/login') return who.refusal ? reply.html(200, loginPage()) : reply.redirect('/')
    if (who.refusal) return reply.redirect(`/login?next=${encodeURIComponent(url.pathname)}`)
    if (url.pathname === '/') return reply.html(200, ordersPage(who, orders))
    const order = orders.find(({ id }) => url.pathname === `/orders/${id}`)
    return order ? reply.html(200, orderPage(who, order)) : reply.html(404, missingPage(who))
  }

  return (request, response) => {
    const url = new URL(request.url, 'http://orders')
    const reply = answers(response)
    const call =
      url.pathname.startsWith(`${AUTH}/`) && request.method === 'POST' && auth[url.pathname.slice(AUTH.length + 1)]
    if (call) return call(request, reply)
    if (url.pathname.startsWith('/assets/')) return asset(url.pathname.slice('/assets/'.length), reply)
    return url.pathname.startsWith('/api/') ? api(request, url.pathname, reply) : page(request, url, reply)
  }
}

/** What is made for somebody is in no cache: neither the browser's nor the one behind its Back button. */
const answers = (response) => ({
  json: (status, said) =>
    response
      .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify(said)),
  html: (status, text) =>
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(text),
  redirect: (location) => response.writeHead(303, { location, 'cache-control': 'no-store' }).end(),
  file: (type, text) => response.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=60' }).end(text),
})

function asset(name, reply) {
  const [type, file] = ASSETS[name] ?? []
  if (!file) return reply.json(404, { detail: 'There is no such file.' })
  reply.file(type, readFileSync(new URL(file, import.meta.url)))
}

const cookie = (request, name) => new RegExp(`(?:^|; )${name}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1]

async function body(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  try {
    return JSON.parse(Buffer.concat(parts).toString()) ?? {}
  } catch {
    return {}
  }
}
