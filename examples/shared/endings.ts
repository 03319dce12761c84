// What a login page says to somebody whose session ended, by the reason that the service gave.

import type { EndReason } from '@perennial/session'

const SAID: Partial<Record<EndReason, string>> = {
  expired_idle: 'You were away for a long time. Please sign in again.',
  expired_absolute: 'It is time to sign in again.',
  revoked: 'This device was signed out from another one.',
  reuse: 'Somebody else used a copy of your session. It was ended, here and there.',
  password_changed: 'Your password was changed. Please sign in with the new one.',
  account_disabled: 'This account is closed.',
}

export const ending = (reason: EndReason | null): string => (reason && SAID[reason]) ?? ''
