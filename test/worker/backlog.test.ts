import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { TransientError } from '#common/errors.ts'
import type { Split } from '#connectors/connector.ts'
import { watchBacklog } from '#worker/backlog.ts'
import type { FromLane } from '#worker/lane-protocol.ts'

const split = (id: string): Split => ({ id, tables: ['a'], bounded: false, stage: 1, weight: 1 })

const load = { sinceMs: 5, rowsOf: () => 30 }

describe('backlog watch', () => {
  it('ends when it is told to, also with nothing to watch', async () => {
    const options = {
      source: { lag: () => Promise.reject(new Error('not asked')) },
      splits: [],
      committed: () => null,
      load,
    }
    const stop = AbortSignal.timeout(20)
    await watchBacklog({ ...options, intervalMs: 5, clock: systemClock, report: () => undefined }, stop)
    expect(stop.aborted).to.equal(true)
  })

  it('reports what lies ahead of the committed position, and takes a source that does not answer for no news', async () => {
    const stop = new AbortController()
    const reports: FromLane[] = []
    let asked = 0
    const source = {
      lag: (_: Split, position: string) => {
        if (asked++ === 0) throw new TransientError('away', { code: 'SOURCE_UNREACHABLE' })
        return Promise.resolve({ amount: 100 - Number(position), unit: 'records' as const })
      },
    }
    const watching = watchBacklog(
      {
        source,
        splits: [split('held'), split('not-held')],
        committed: ({ id }) => (id === 'held' ? '30' : null),
        load,
        intervalMs: 5,
        clock: systemClock,
        report: message => {
          reports.push(message)
          stop.abort()
        },
      },
      stop.signal,
    )
    await watching
    expect(asked).to.equal(2)
    expect(reports).to.deep.equal([
      { kind: 'backlog', split: 'held', amount: 70, unit: 'records', sinceMs: 5, committedRows: 30 },
    ])
  })
})
