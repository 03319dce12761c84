// The page: it shows what the stores hold, and hands over what was typed.

import '../../shared/meter.js'
import '../../shared/style.css'
import { ending } from '../../shared/endings.ts'
import { $entries, type Entry, remove, write } from './entries.ts'
import { $csrfToken, $name, $person, $session, flows, session } from './stores.ts'

const CROSS =
  '<svg viewBox="0 0 20 20" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" aria-hidden="true"><path d="m5.5 5.5 9 9m0-9-9 9"/></svg>'
const find = <Found extends HTMLElement>(selector: string) => document.querySelector<Found>(selector) as Found

$session.subscribe(({ status, reason, stale }) => {
  find('#login').hidden = status !== 'UNAUTHENTICATED'
  find('#inside').hidden = find('#leave').hidden = status !== 'AUTHENTICATED'
  find('#session').textContent = status
  const said = {
    LOADING: 'One moment.',
    UNAUTHENTICATED: ending(reason) || 'Sign in to read and write yours.',
  } as Partial<Record<string, string>>
  find('#lead').textContent = stale
    ? 'The server cannot be reached. Nothing is lost.'
    : (said[status] ?? 'One line is enough.')
})
$name.subscribe((name) => (find('#title').textContent = name ? `${name}’s journal` : 'A line a day'))
$csrfToken.subscribe((token) => (find('#csrf').textContent = token ?? 'nothing yet'))
$entries.subscribe((entries) => find('#entries').replaceChildren(...entries.map(row)))
$person.subscribe(() => complain(''))

onSubmit('#login', (form) => flows.login({ email: text(form, 'email'), password: text(form, 'password') }))
onSubmit('#compose', (form) => write(text(form, 'text')))
find('#leave').addEventListener('click', () => attempt(() => session.signOut()))

function row({ id, text }: Entry): HTMLElement {
  const item = document.createElement('li')
  const words = document.createElement('span')
  const button = document.createElement('button')
  words.textContent = text
  Object.assign(button, { className: 'remove', type: 'button', innerHTML: CROSS, ariaLabel: `Remove “${text}”` })
  button.addEventListener('click', () => attempt(() => remove(id)))
  item.append(words, button)
  return item
}

function onSubmit(selector: string, work: (form: FormData) => Promise<unknown>): void {
  const form = find<HTMLFormElement>(selector)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (await attempt(() => work(new FormData(form)))) form.reset()
  })
}

/** Whether it went well; what went wrong is said on the page. */
async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  complain('')
  try {
    await work()
    return true
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error))
    return false
  }
}

function complain(sentence: string): void {
  find('#problem').textContent = sentence
  find('#problem').hidden = sentence === ''
}

function text(form: FormData, name: string): string {
  return String(form.get(name) ?? '')
}
