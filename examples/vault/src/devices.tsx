// Where this person is signed in.

import type { Device } from '@perennial/session/flows'
import { useSession } from '@perennial/session/react'
import { useCallback, useEffect, useState } from 'react'
import { Problem } from '../../shared/parts.tsx'
import { flows } from './session.ts'
import { sentence } from './vault.tsx'

export function Devices() {
  const email = useSession((state) => state.user?.email)
  const [devices, setDevices] = useState<readonly Device[]>([])
  const [problem, setProblem] = useState('')
  const load = useCallback(() => flows.sessions().then(setDevices, (error) => setProblem(sentence(error))), [])
  useEffect(() => void load(), [load])
  return (
    <>
      <div className="intro">
        <h1>Your devices</h1>
        <p className="lead">{email ? `Where ${email} is signed in.` : 'Where you are signed in.'}</p>
      </div>
      <Problem>{problem}</Problem>
      <ul className="notes" aria-label="Devices">
        {devices.map((device) => (
          <li key={device.session_key}>
            <span>
              {named(device.device)} {device.current && <span className="tag on">This one</span>}
              <br />
              <span className="hint">Signed in {ago(device.created_seconds_ago)}</span>
            </span>
            {!device.current && (
              <button
                className="danger small"
                type="button"
                onClick={() => flows.revokeSession(device.session_key).then(load)}
              >
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}

/** “Firefox on Windows”, of what a browser says of itself. */
function named(agent: string | null): string {
  const browser = /Firefox|Edg|Chrome|Safari/.exec(agent ?? '')?.[0].replace('Edg', 'Edge') ?? 'A device'
  const system = /Windows|Android|iPhone|iPad|Mac OS|Linux/.exec(agent ?? '')?.[0]
  return system ? `${browser} on ${system}` : browser
}

function ago(seconds: number): string {
  const words = new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' })
  if (seconds < 60) return 'just now'
  if (seconds < 3600) return words.format(-Math.floor(seconds / 60), 'minute')
  return seconds < 86_400
    ? words.format(-Math.floor(seconds / 3600), 'hour')
    : words.format(-Math.floor(seconds / 86_400), 'day')
}
