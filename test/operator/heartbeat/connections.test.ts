import { expect } from 'chai'
import type { HeartbeatAnswer } from '#api/heartbeat.ts'
import { connectionsKept, workerConnectionsMin } from '#api/source-limits.ts'
import { systemClock } from '#common/clock.ts'
import { quietHeartbeat } from '../../api/sample-heartbeat.ts'
import { eventually } from '../manual-clock.ts'
import { MasterBed } from './master-bed.ts'

type Leases = HeartbeatAnswer['leases']

describe('connections, and the master', () => {
  let sinceMs: number
  let bed: MasterBed
  const clock = { ...systemClock, monotonicMs: () => sinceMs }
  before(async () => {
    sinceMs = 0
    const connections = 2 * workerConnectionsMin + connectionsKept
    bed = await MasterBed.create({ connections }, ['normal', 'normal', 'low'], clock)
    await bed.start(1)
  })
  after(() => bed.close())

  function ask(index: number, startedAtMs = 1): Leases[number] {
    const request = { id: 'connections', weight: 1, wanted: 3, held: 0, using: 0, least: 3 }
    const heartbeat = {
      ...quietHeartbeat(`job-${index}`, `job-${index}-pod`),
      startedAtMs,
      leases: [request],
    }
    const answer = bed.operator.answer(bed.identityOf(`job-${index}-pod`)!, heartbeat)
    return (answer as HeartbeatAnswer).leases[0]!
  }

  it('are given when the former workers are surely gone, without those kept for checks, and said who has them', () => {
    expect(ask(0).rate, 'of a new master').to.equal(0)
    for (const index of [1, 2]) ask(index)
    sinceMs = 15_000
    expect([ask(0).rate, ask(1).rate]).to.deep.equal([3, 3])
    expect(ask(2)).to.deep.include({
      rate: 0,
      holders: [
        { job: 'job-0', count: 3 },
        { job: 'job-1', count: 3 },
        { job: 'job-2', count: 0 },
      ],
    })
    expect(ask(0), 'who has its own').not.to.have.property('holders')
  })

  it('are those of another process for some seconds, and of a pod that is gone for a minute', async () => {
    expect(ask(1, 2), 'of the process before').to.deep.include({ rate: 0 })
    sinceMs = 26_000
    expect(ask(1, 2).rate).to.equal(3)
    bed.removePod('job-0-pod')
    await eventually('the master has heard of it', () => !bed.knows('job-0-pod'))
    sinceMs += 50_000
    ask(1, 2)
    expect(ask(2).holders?.map(({ job, count }) => [job, count])).to.deep.include([
      'a worker that is gone',
      3,
    ])
    sinceMs += 11_000
    expect(ask(2).rate).to.equal(3)
  })
})
