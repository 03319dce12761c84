// The pages' script. It knows no token and refreshes nothing; a 401 means that the login is really over.

const find = (selector) => document.querySelector(selector)

async function ask(path, sent) {
  const options = sent && {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(sent),
  }
  const answer = await fetch(path, options)
  if (answer.status === 401) return leave()
  const said = await answer.json()
  if (!answer.ok) throw new Error(said.detail)
  return said
}

/** To the login, once, and back here afterwards. Nobody waits for what was asked: the page goes. */
let leaving = false
function leave() {
  if (!leaving) location.assign(`/login?ended&next=${encodeURIComponent(location.pathname)}`)
  leaving = true
  return new Promise(() => {})
}

/** Runs `work` at each click, and says what went wrong. */
function onClick(button, work) {
  button?.addEventListener('click', async () => {
    button.disabled = true
    find('#problem').hidden = true
    try {
      await work()
    } catch (error) {
      find('#problem').textContent = error.message
      find('#problem').hidden = false
    } finally {
      button.disabled = false
    }
  })
}

onClick(find('#stock'), () =>
  Promise.all(
    [...document.querySelectorAll('[data-stock]')].map(async (place) => {
      const { stock } = await ask(`/api/v1/orders/${place.dataset.stock}/stock`)
      place.textContent = stock === 0 ? 'None left' : `${stock} left`
    }),
  ),
)

const send = find('#send')
onClick(send, async () => {
  const { sent } = await ask(`/api/v1/orders/${send.dataset.id}/sent`, { sent: send.dataset.sent === 'true' })
  send.dataset.sent = String(!sent)
  send.textContent = sent ? 'Take back' : 'Mark as sent'
  find('#state .tag').textContent = sent ? 'Sent' : 'To send'
  find('#state .tag').classList.toggle('on', !sent)
})
