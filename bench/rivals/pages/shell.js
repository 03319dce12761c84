// A React app whose pages ask who is logged in by a hook, as next-auth and better-auth have it.

import { createElement, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { callWith } from './app.js'

/** `useStatus` answers 'in', 'out' or null while it is loading. */
export function mount({ useStatus, Provider = ({ children }) => children, ...rest }) {
  let shown = null
  let go
  const settled = Promise.withResolvers()

  function Page() {
    const status = useStatus()
    shown = status
    useEffect(() => {
      if (status !== null) settled.resolve()
    }, [status])
    return status
  }

  function Shell() {
    const [route, setRoute] = useState('account')
    go = setRoute
    return route === 'public' ? 'public' : createElement(Page, { key: route })
  }

  createRoot(document.getElementById('root')).render(createElement(Provider, null, createElement(Shell)))
  window.app = {
    ready: settled.promise,
    shown: () => shown,
    visit: async (to) => go(to),
    call: () => callWith(),
    ...rest,
  }
}
