import { expect } from 'chai'
import { JobStatus } from '#worker/job-status.ts'
import type { FromLane } from '#worker/lane-protocol.ts'
import { workerStatusSchema } from '#api/worker-status.ts'

const read = (newestAtMs: number | null, caughtUp: boolean): FromLane => ({
  kind: 'read',
  split: 'log',
  newestAtMs,
  caughtUp,
})
const moved = (newestAtMs: number): FromLane => ({ kind: 'moved', split: 'log', table: 'a', newestAtMs })
const committed: FromLane = {
  kind: 'committed',
  table: 'a',
  rows: 5,
  bytes: 50,
  commit: 'c1',
  newestAtMs: 1000,
  freshnessMs: 10,
  durationMs: 3,
}

function streaming(): JobStatus {
  const status = new JobStatus({ namespace: 'shop', name: 'job' })
  status.enter('streaming', [{ id: 'log', tables: ['a'] }])
  return status
}

describe('job status', () => {
  it('does not know a lag before it has read anything', () => {
    expect(streaming().snapshot(5000).lagMs).to.equal(null)
  })

  it('tells which splits are read now', () => {
    const status = streaming()
    expect(status.snapshot(1).splits).to.deep.equal(['log'])
    status.enter('streaming', [])
    expect(status.snapshot(1).splits).to.deep.equal([])
  })

  it('has no lag when everything read is committed and nothing is left', () => {
    const status = streaming()
    status.fold(read(1000, true), 1100)
    expect(status.splitLagMs('log', 1500), 'read, not committed').to.equal(500)
    status.fold(moved(1000), 1200)
    expect(status.splitLagMs('log', 9000)).to.equal(0)
  })

  it('lags by the age of the newest committed change while there is more', () => {
    const status = streaming()
    status.fold(read(1000, false), 1100)
    status.fold(moved(1000), 1200)
    expect(status.splitLagMs('log', 4000)).to.equal(3000)
  })

  it('does not count a quiet hour as the age of the change that ends it', () => {
    const status = streaming()
    status.fold(read(1000, true), 1100)
    status.fold(moved(1000), 1200)
    status.fold(read(3_600_000, true), 3_600_100)
    expect(status.splitLagMs('log', 3_600_500)).to.equal(500)
    status.fold(read(3_601_000, true), 3_601_100)
    expect(status.splitLagMs('log', 3_601_500), 'what came first has waited longest').to.equal(1500)
    status.fold(moved(3_600_000), 3_601_600)
    expect(status.splitLagMs('log', 3_602_000), 'of what is left').to.equal(2000)
    status.fold(moved(3_601_000), 3_602_100)
    expect(status.splitLagMs('log', 3_603_000)).to.equal(0)
  })

  it('keeps what it knows of a split that is granted again, and forgets one that is not', () => {
    const status = streaming()
    status.fold(read(1000, true), 1100)
    status.fold(moved(1000), 1200)
    status.enter('streaming', [{ id: 'log', tables: ['a', 'b'] }])
    expect(status.splitLagMs('log', 5000)).to.equal(0)
    status.enter('snapshot', [{ id: 'snapshot/b/0', tables: ['b'] }])
    expect(status.splitLagMs('log', 5000)).to.equal(null)
  })

  it('shows a failure as the phase until it is over, and what it reports is what readers of /status expect', () => {
    const status = streaming()
    status.fold(committed, 1200)
    status.failed({ code: 'SOURCE_UNREACHABLE', message: 'away', context: {}, disposition: 'retry' })
    const snapshot = status.snapshot(2000)
    expect(workerStatusSchema.parse(snapshot)).to.deep.equal(snapshot)
    expect(snapshot).to.deep.include({
      phase: 'failing',
      rowsTotal: 5,
      error: { code: 'SOURCE_UNREACHABLE', message: 'away' },
    })
    expect(snapshot.tables[0]).to.deep.include({
      name: 'a',
      lastCommit: 'c1',
      lastCommitAt: '1970-01-01T00:00:01.200Z',
    })
    status.recovered()
    expect(status.phase).to.equal('streaming')
  })
})
