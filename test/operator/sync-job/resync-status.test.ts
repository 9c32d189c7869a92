import { expect } from 'chai'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { resyncStatus } from '#operator/sync-job/resync-status.ts'

const told = (id: string, tables: number, left: string[]): WorkerStatus =>
  ({ resync: { id, tables, left } }) as unknown as WorkerStatus

describe('the status of a resync', () => {
  it('goes from pending over reading to done, with the times at which that was heard', () => {
    let status: SyncJobStatus['resync']
    const hear = (nowMs: number, ...statuses: WorkerStatus[]): SyncJobStatus['resync'] => {
      status = resyncStatus({ asked: 'b', statuses, complete: null }, status, nowMs).resync
      return status
    }
    expect(hear(0)).to.deep.equal({ id: 'b', phase: 'Pending' })
    expect(hear(1000, told('a', 2, [])), 'a worker with the plan before').to.deep.equal({
      id: 'b',
      phase: 'Pending',
    })
    const startedAt = '1970-01-01T00:00:02.000Z'
    expect(hear(2000, told('b', 2, ['t', 'u']))).to.deep.equal({
      id: 'b',
      phase: 'Reading',
      tables: 2,
      tablesDone: 0,
      startedAt,
    })
    expect(hear(3000, told('b', 2, ['u']))?.tablesDone).to.equal(1)
    expect(hear(4000), 'while no worker speaks').to.include({ phase: 'Reading', tablesDone: 1 })
    const done = {
      id: 'b',
      phase: 'Done',
      tables: 2,
      tablesDone: 2,
      startedAt,
      finishedAt: '1970-01-01T00:00:05.000Z',
    }
    expect(hear(5000, told('b', 2, []))).to.deep.equal(done)
    expect(hear(6000, told('b', 3, ['new'])), 'when a table comes later').to.deep.equal(done)
  })

  it('begins anew with another id, and stays when it is asked for no more', () => {
    const before = { id: 'a', phase: 'Done' as const, finishedAt: '1970-01-01T00:00:00.000Z' }
    const other = resyncStatus({ asked: 'b', statuses: [], complete: null }, before, 0)
    expect(other.resync).to.deep.equal({ id: 'b', phase: 'Pending' })
    expect(resyncStatus({ asked: undefined, statuses: [], complete: null }, before, 0)).to.deep.equal({
      resync: before,
    })
    expect(resyncStatus({ asked: undefined, statuses: [], complete: null }, undefined, 0)).to.deep.equal({})
  })

  it('is done when a job with an end has reached it: its worker is gone before anybody asks', () => {
    const { resync } = resyncStatus({ asked: 'b', statuses: [], complete: true }, undefined, 0)
    expect(resync).to.include({ phase: 'Done', finishedAt: '1970-01-01T00:00:00.000Z' })
  })
})
