import { useSessionClient } from '@perennial/session/react'
import { useState } from 'react'
import { useSelector } from 'react-redux'
import { api } from './session.ts'
import { account, selectPerson } from './store.ts'

export function Account() {
  const session = useSessionClient()
  const person = useSelector(selectPerson)
  const { data } = account.useMeQuery()
  const [outcome, setOutcome] = useState('')

  async function run(label: string, calls: Promise<unknown>[]) {
    setOutcome(`${label} …`)
    const ends = await Promise.allSettled(calls)
    setOutcome(`${label}: ${ends.filter(({ status }) => status === 'fulfilled').length} of ${ends.length} answered.`)
  }
  const twenty = () => Array.from({ length: 20 }, () => api.get('/me'))

  return (
    <>
      <div className="intro">
        <p className="eyebrow">{person?.email ?? 'Signed in'}</p>
        <h1>Your account</h1>
      </div>
      <section className="card" aria-label="What the API knows of you">
        <dl className="facts">
          <div>
            <dt>Session</dt>
            <dd>
              <code data-session>{data?.session ?? '…'}</code>
            </dd>
          </div>
          <div>
            <dt>Person</dt>
            <dd>
              <code>{data?.subject ?? '…'}</code>
            </dd>
          </div>
          <div>
            <dt>Second factor</dt>
            <dd>{data && (data.aal > 1 ? 'used' : 'not used')}</dd>
          </div>
        </dl>
      </section>
      <section className="card" aria-labelledby="hard">
        <h2 id="hard">Make it hard</h2>
        <p className="lead">
          Copy the cookies of this browser into another one, wait for twenty seconds, and renew in both, twice.
        </p>
        <div className="actions">
          <button className="secondary small" type="button" onClick={() => run('Renewal', [renewed()])}>
            Renew now
          </button>
          <button className="secondary small" type="button" onClick={() => run('Twenty at once', twenty())}>
            Twenty at once
          </button>
        </div>
        {outcome && (
          <p className="message" role="status">
            {outcome}
          </p>
        )}
      </section>
    </>
  )

  async function renewed() {
    const { stale } = await session.refresh()
    if (stale) throw new Error('nobody answered')
  }
}
