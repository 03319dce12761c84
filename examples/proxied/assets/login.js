// The login form. The answer's tokens never get here: the gateway has put them into cookies that no script reads.

const form = document.querySelector('#login')
const problem = document.querySelector('#problem')
const asked = new URLSearchParams(location.search)
document.querySelector('#ended').hidden = !asked.has('ended')

/** Where to go on: a page of this site, never another site. */
function next() {
  const url = new URL(asked.get('next') ?? '/', location.origin)
  return url.origin === location.origin ? url.pathname : '/'
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  problem.hidden = true
  const answer = await fetch('/api/v1/users/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  })
  if (answer.ok) return location.replace(next())
  problem.textContent = (await answer.json()).detail
  problem.hidden = false
})
