import { useState } from 'react'
import { said } from './said.ts'
import { api } from './session.ts'

const many = (count: number, path: string) => Array.from({ length: count }, () => api.get(path))

const TRIALS: [label: string, calls: () => Promise<unknown>[]][] = [
  ['Twenty at once', () => many(20, '/me')],
  ['A partner’s own 401', () => many(1, '/partner')],
  ['A confused API', () => many(5, '/misconfigured')],
]

/** Ways to make it hard. The line at the foot of the page counts what each of them costs. */
export function Trials() {
  const [outcome, setOutcome] = useState('')

  async function run(label: string, calls: Promise<unknown>[]) {
    setOutcome(`${label} …`)
    const ends = await Promise.allSettled(calls)
    const lost = ends.filter((end) => end.status === 'rejected')
    const told = lost[0] ? ` “${said(lost[0].reason)}”` : ''
    setOutcome(`${label}: ${ends.length - lost.length} of ${ends.length} answered.${told}`)
  }

  return (
    <section className="card" aria-labelledby="trials">
      <h2 id="trials">Make it hard</h2>
      <p className="lead">
        Leave the page alone until the access token has expired, then ask for much at once. Or ask somebody who says 401
        to everybody.
      </p>
      <div className="actions">
        {TRIALS.map(([label, calls]) => (
          <button key={label} className="secondary small" type="button" onClick={() => run(label, calls())}>
            {label}
          </button>
        ))}
      </div>
      {outcome && (
        <p className="message" role="status">
          {outcome}
        </p>
      )}
    </section>
  )
}
