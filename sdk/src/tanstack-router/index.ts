// A guard for TanStack Router. It asks nothing while the state is known.

import type { Session } from '../core/types.ts'
import { destination, type Places } from '../guard.ts'

export interface Guard<Redirect> extends Places {
  /** TanStack Router's own `redirect`. */
  redirect: (to: { href: string }) => Redirect
}

/**
 * A `beforeLoad` that lets those pass who belong on the page and sends others where they belong: to the login, to the step their
 * login waits for, or from there to `?next=` (paths of this origin only).
 *
 * `session.on('identity', () => router.invalidate())` runs the guards again when somebody logs in or out in another tab.
 */
export const requireSession =
  <Redirect>(session: Session, { redirect, ...places }: Guard<Redirect>) =>
  async ({ location }: { location: { pathname: string; searchStr: string } }): Promise<void> => {
    const href = await destination(session, location.pathname, location.searchStr, places)
    if (href) throw redirect({ href })
  }
