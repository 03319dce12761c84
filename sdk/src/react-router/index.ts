// A guard for react-router 6.4 and newer. It asks nothing while the state is known.

import type { Session } from '../core/types.ts'
import { destination, type Places } from '../guard.ts'

export interface Guard extends Places {
  /** react-router's own `redirect`. */
  redirect: (path: string) => Response
}

/**
 * A `loader`, or an element of `middleware`, that lets those pass who belong on the page and sends others where they belong: to
 * the login, to the step their login waits for, or from there to `?next=` (paths of this origin only).
 *
 * Loaders of one navigation run side by side: a guard on a parent keeps no loader of a child from running. Middleware does.
 * `session.on('identity', () => router.revalidate())` runs the guards again when somebody logs in or out in another tab.
 */
export const requireSession =
  (session: Session, { redirect, ...places }: Guard) =>
  async ({ request }: { request: Request }): Promise<null> => {
    const { pathname, search } = new URL(request.url)
    const path = await destination(session, pathname, search, places)
    if (path) throw redirect(path)
    return null
  }
