// What every page shows the driver: `window.app`.
//   ready      settles when the page knows who is logged in
//   shown()    what the page shows about that, without asking anything
//   visit(to)  a route change; every page but 'public' asks who is logged in
//   call()     one request for the API, the status of its answer
//   login(), logout()

export function expose({ ask, ...rest }) {
  const ready = ask()
  window.app = { ready, visit: async (to) => (to === 'public' ? undefined : await ask()), ...rest }
}

export const callWith = async (token) =>
  (await fetch('/api/data', { headers: token ? { Authorization: `Bearer ${token}` } : {} })).status
