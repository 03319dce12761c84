// The calls that lead to a session and look after it: login, registration, codes, the second factor, devices.
//
// Each one goes out through `session.fetch`, which carries what it needs and takes over the state it is answered.

import { type Call, type EndReason, type Session, SessionError, type State } from '../index.ts'

export interface Device {
  session_key: string
  device: string | null
  created_seconds_ago: number
  active_seconds_ago: number
  aal: number
  amr: string[]
  current: boolean
}

export interface MfaSetup {
  secret: string
  otpauth_uri: string
  /** An image of the URI, as the text of an SVG. */
  qr_svg: string
}

export interface Flows {
  login(credentials: { email: string; password: string }): Promise<State>
  register(account: { email: string; password: string; name?: string }): Promise<State>
  verifyOtp(code: { code: string }): Promise<State>
  resendOtp(): Promise<State>
  mfaSetup(): Promise<MfaSetup>
  /** `recovery_codes` are shown this once. */
  mfaSetupConfirm(code: { code: string }): Promise<{ state: State; recovery_codes: string[] }>
  /** The code of the app, or a recovery code. */
  mfaVerify(code: { code: string }): Promise<State>
  reauthenticate(proof: { password: string } | { code: string }): Promise<State>
  changePassword(passwords: { current_password: string; new_password: string }): Promise<State>
  sessions(): Promise<Device[]>
  revokeSession(sessionKey: string): Promise<unknown>
}

interface Problem {
  code?: string
  detail?: string
  reason?: EndReason
}

export function createFlows(session: Session): Flows {
  async function call<Answer>(url: string, body?: object, method = 'POST'): Promise<Answer> {
    const init: RequestInit = { method, headers: { accept: 'application/json' } }
    if (body) {
      init.body = JSON.stringify(body)
      init.headers = { ...init.headers, 'content-type': 'application/json' }
    }
    const response = await session.fetch(url, init).catch(unavailable)
    const said = await response.json().catch(() => ({}))
    if (response.ok) return said.success === true && said.data ? said.data : said
    const { code = 'auth_unavailable', detail, reason } = said as Problem
    const retryAfter = Number(response.headers.get('retry-after')) || 0
    throw new SessionError(code, { status: response.status, reason: reason ?? null, retryAfter }, detail)
  }
  const step = async (name: Call, body?: object, path?: string): Promise<State> => {
    await call(session.url(name, path), body)
    return session.state
  }
  /** Some calls need the person, and the person's access token. */
  const own = async <Answer>(url: string, body?: object, method?: string): Promise<Answer> => {
    await session.ensureFresh()
    return call(url, body, method)
  }
  const ownStep = async (name: Call, body: object, path?: string): Promise<State> => {
    await own(session.url(name, path), body)
    return session.state
  }

  return {
    login: (body) => step('login', body),
    register: (body) => step('register', body),
    verifyOtp: (body) => step('verify-otp', body),
    resendOtp: () => step('resend-otp'),
    mfaSetup: () => call(session.url('mfa-setup', 'mfa/setup')),
    async mfaSetupConfirm(body) {
      const url = session.url('mfa-setup-confirm', 'mfa/setup/confirm')
      const { recovery_codes } = await call<{ recovery_codes: string[] }>(url, body)
      return { state: session.state, recovery_codes }
    },
    mfaVerify: (body) => step('mfa-verify', body, 'mfa/verify'),
    reauthenticate: (body) => ownStep('reauthenticate', body),
    changePassword: (body) => ownStep('password-change', body, 'password/change'),
    sessions: async () => (await own<{ sessions: Device[] }>(session.url('sessions'), undefined, 'GET')).sessions,
    revokeSession: (key) => own(`${session.url('sessions')}/${encodeURIComponent(key)}`, undefined, 'DELETE'),
  }
}

/** The network's own error, or the caller's abort, said like every other. */
function unavailable(error: unknown): never {
  if (error instanceof TypeError) throw Object.assign(new SessionError('auth_unavailable'), { cause: error })
  throw error
}
