import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import type { Lease } from '#api/rate-lease.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { awaitConnections } from '#worker/await-connections.ts'
import { JobStatus } from '#worker/job-status.ts'

const plan = {
  job: { namespace: 'shop', name: 'orders' },
  source: { name: 'shop-db', limits: { connections: 11 } },
} as unknown as Plan

interface Waiting {
  status: JobStatus
  limited: { isAdmitted: boolean; holders: Lease['holders'] | null }
  clock: ManualClock
  begun: () => boolean
  stop: AbortController
}

function wait(holders: Lease['holders'] | null, isShared = false): Waiting {
  const [status, clock, stop] = [new JobStatus(plan.job), new ManualClock(), new AbortController()]
  const limited = { isAdmitted: false, holders }
  let isBegun = false
  void awaitConnections({ plan, limited, status, isShared, clock }, stop.signal).then(() => (isBegun = true))
  return { status, limited, clock, begun: () => isBegun, stop }
}

describe('a worker that waits for its connections', () => {
  it('says what it needs and which jobs have it, and begins when it is given them', async () => {
    const { status, limited, clock, begun } = wait([
      { job: 'clicks', count: 3 },
      { job: 'items', count: 6 },
      { job: 'quiet', count: 0 },
    ])
    await clock.advance(500)
    expect([begun(), status.phase, status.failure?.code]).to.deep.equal([
      false,
      'failing',
      'CONNECTIONS_EXHAUSTED',
    ])
    expect(status.failure?.message).to.equal(
      'This worker needs 3 connections and waits for them: DataSource shop-db allows 11 (protection.limits), and items has 6, clicks has 3',
    )
    limited.isAdmitted = true
    await clock.advance(500)
    expect([begun(), status.failure]).to.deep.equal([true, null])
  })

  it('is only starting until it hears of the others', async () => {
    const { status, clock } = wait(null)
    await clock.advance(500)
    expect([status.phase, status.failure]).to.deep.equal(['starting', null])
  })

  it('is well where other workers of its job have some, and not where none has', async () => {
    const others = wait(
      [
        { job: 'orders', count: 3 },
        { job: 'items', count: 6 },
      ],
      true,
    )
    await others.clock.advance(500)
    expect([others.status.phase, others.status.failure]).to.deep.equal(['streaming', null])
    const none = wait([{ job: 'items', count: 9 }], true)
    await none.clock.advance(500)
    expect(none.status.failure?.code).to.equal('CONNECTIONS_EXHAUSTED')
  })

  it('ends when it is told to stop', async () => {
    const { begun, clock, stop } = wait(null)
    stop.abort()
    await clock.advance(500)
    expect(begun()).to.equal(true)
  })
})
