import { SessionManager, SessionProvider } from '@perennial/session/react'
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Provider } from 'react-redux'
import { Desk } from './desk.tsx'
import { queryClient } from './notes.ts'
import { session } from './session.ts'
import { store } from './store.ts'
import { Login, SecondFactor } from './ways-in.tsx'

const pages = {
  AUTHENTICATED: <Desk />,
  MFA_VERIFY_REQUIRED: <SecondFactor />,
  UNAUTHENTICATED: <Login />,
}

createRoot(document.getElementById('app') as HTMLElement).render(
  <StrictMode>
    <SessionProvider session={session}>
      <Provider store={store}>
        <QueryClientProvider client={queryClient}>
          <SessionManager routes={pages} />
        </QueryClientProvider>
      </Provider>
    </SessionProvider>
  </StrictMode>,
)
