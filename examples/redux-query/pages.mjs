// What the tests of this application do with its pages.

import { quiet, totp } from '../shared/testing.mjs'

export async function open(jar, path = '/') {
  const page = await jar.newPage()
  await page.goto(path)
  return page
}

export const loaded = (page) => page.getByRole('list', { name: 'Notes' }).getByRole('listitem').first().waitFor()
export const login = (page) => page.getByRole('heading', { name: 'Sign in' }).waitFor()
export const view = (page, name) => page.getByRole('link', { name }).click()

export async function signIn(page, { email, password, totp_secret: secret }) {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  if (secret) {
    await page.getByLabel('Six-digit code').fill(totp(secret))
    await page.getByRole('button', { name: 'Continue' }).click()
  }
}

/** Presses a button of the account page; answers what the page says once all calls have ended. */
export async function attempt(page, name, label = name) {
  await page.getByRole('button', { name }).click()
  const ended = page.getByRole('status').filter({ hasText: `${label}: ` })
  await ended.waitFor({ timeout: 30_000 })
  return ended.textContent()
}
export const twenty = (page) => attempt(page, 'Twenty at once')
export const renew = (page) => attempt(page, 'Renew now', 'Renewal')
export const ALL = 'Twenty at once: 20 of 20 answered.'

/** So many tabs with all of their data. */
export async function tabs(jar, count) {
  const pages = []
  for (let tab = 0; tab < count; tab += 1) {
    pages.push(await open(jar))
    await loaded(pages[tab])
  }
  await quiet(jar)
  return pages
}
