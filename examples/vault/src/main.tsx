import { SessionProvider } from '@perennial/session/react'
import { requireSession } from '@perennial/session/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createBrowserRouter, type RouteObject, RouterProvider, redirect } from 'react-router'
import { Devices } from './devices.tsx'
import { Login, SetUpMfa, VerifyMfa } from './login.tsx'
import { flows, session } from './session.ts'
import { Inside, Nothing, Vault } from './vault.tsx'

// Every page asks this first. It answers from what is known: by a request at most once, when a page is loaded, never on a route change.
const guard = requireSession(session, { redirect, home: '/vault' })

const pages: RouteObject[] = [
  { path: '/login', loader: guard, Component: Login },
  { path: '/mfa/verify', loader: guard, Component: VerifyMfa },
  {
    path: '/mfa/setup',
    Component: SetUpMfa,
    loader: async (asked) => {
      await guard(asked)
      return flows.mfaSetup()
    },
    // The recovery codes stay on the screen until somebody has kept them.
    shouldRevalidate: () => false,
  },
  {
    Component: Inside,
    children: [
      { path: '/vault', loader: guard, Component: Vault },
      { path: '/devices', loader: guard, Component: Devices },
    ],
  },
  { path: '*', loader: () => redirect('/vault') },
]
const router = createBrowserRouter([{ HydrateFallback: Nothing, children: pages }])

// Somebody got further, came or went, here or in another tab: is this page still where they belong?
session.on('change', ({ state, previous }) => {
  if (state.status !== previous.status) router.revalidate()
})

const place = document.getElementById('app')
if (place) {
  createRoot(place).render(
    <StrictMode>
      <SessionProvider session={session}>
        <RouterProvider router={router} />
      </SessionProvider>
    </StrictMode>,
  )
}
