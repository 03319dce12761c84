import { SessionProvider } from '@perennial/session/react'
import { requireSession } from '@perennial/session/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createBrowserRouter, RouterProvider, redirect } from 'react-router'
import { Notebook } from './notebook.tsx'
import { session } from './session.ts'
import { Login, Register, Verify } from './ways-in.tsx'

const guard = requireSession(session, { redirect })

const router = createBrowserRouter([
  { path: '/', loader: guard, Component: Notebook, HydrateFallback: () => null },
  { path: '/login', loader: guard, Component: Login, HydrateFallback: () => null },
  { path: '/verify', loader: guard, Component: Verify, HydrateFallback: () => null },
  { path: '/register', Component: Register },
  { path: '*', loader: () => redirect('/') },
])

// Somebody came, got further or went, here or in another tab: the guard looks again, and sends them where they belong.
session.on('change', ({ state, previous }) => {
  if (state.status !== previous.status) router.revalidate()
})

createRoot(document.getElementById('app') as HTMLElement).render(
  <StrictMode>
    <SessionProvider session={session}>
      <RouterProvider router={router} />
    </SessionProvider>
  </StrictMode>,
)
