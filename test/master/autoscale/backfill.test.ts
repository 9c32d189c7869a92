import { expect } from 'chai'
import { decideBackfill } from '#master/autoscale/backfill.ts'
import { observe, startMs } from './observations.ts'

describe('decideBackfill', () => {
  const running = { replicas: 1, lanes: 2 }
  const decide = (ranges: number, lastedMs: number, sketch: Parameters<typeof observe>[0] = {}) =>
    decideBackfill(observe({ input: [], state: null, running, ...sketch }), {
      ranges,
      sinceMs: startMs - lastedMs,
    })

  it('gives a copy as many workers as there are ranges for their lanes, within the limits', () => {
    expect(decide(7, 60_000)).to.deep.include({ replicas: 4, lanes: 2, reason: 'Backfill' })
    expect(decide(1000, 60_000).replicas).to.equal(8)
    expect(decide(7, 60_000).state.lastChange).to.deep.include({ atMs: startMs, readyAtMs: null })
  })

  it('starts none for a copy that may be done in a minute', () => {
    const { replicas, state } = decide(7, 59_000)
    expect(replicas).to.equal(1)
    expect(state.lastChange).to.equal(null)
  })

  it('takes none away while it lasts', () => {
    expect(decide(2, 600_000, { running: { replicas: 6, lanes: 2 } }).replicas).to.equal(6)
  })
})
