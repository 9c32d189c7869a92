import { expect } from 'chai'
import { LoadMeasurements } from '#worker/load-measurements.ts'

const sinceMs = 100_000

/** A look every 15 seconds, `at` of them since the session began. */
function backlog(at: number, amount: number, committedRows: number, session = sinceMs) {
  const message = { kind: 'backlog', split: 's', unit: 'records', sinceMs: session } as const
  return [3, { ...message, amount, committedRows }, session + at * 15_000] as const
}

function load(at: number, rows: number, shares = { busyShare: 0.5, blockedShare: 0.1 }, session = sinceMs) {
  const message = { kind: 'load', sinceMs: session, overMs: 15_000, rows } as const
  return [3, { ...message, ...shares }, session + at * 15_000] as const
}

describe('load measurements', () => {
  it('tell what came in from the backlog and what was committed, over the last half minute', () => {
    const measured = new LoadMeasurements()
    measured.fold(...backlog(0, 500, 0))
    expect(measured.split('s', sinceMs, 0), 'one look tells no rate').to.equal(null)
    measured.fold(...backlog(1, 2000, 3000))
    measured.fold(...backlog(2, 3500, 6000))
    measured.fold(...backlog(3, 3500, 9000))
    expect(measured.split('s', sinceMs + 47_000, 0)).to.deep.equal({
      lane: 3,
      measured: { ageMs: 2000, inputPerSecond: 250, processedPerSecond: 200, lagRecords: 3500 },
    })
  })

  it('reckon the backlog of a log of bytes from its lag', () => {
    const measured = new LoadMeasurements()
    for (const [lane, message, atMs] of [backlog(0, 9e6, 0), backlog(1, 9e6, 1500)])
      measured.fold(lane, { ...message, unit: 'bytes' }, atMs)
    expect(measured.split('s', sinceMs + 15_000, 4000)?.measured).to.deep.include({
      inputPerSecond: 100,
      processedPerSecond: 100,
      lagRecords: 400,
    })
  })

  it('begin anew with each session, whose counts begin anew', () => {
    const measured = new LoadMeasurements()
    measured.fold(...backlog(1, 100, 9000))
    measured.fold(...load(1, 9000))
    measured.fold(...backlog(0, 100, 0, sinceMs + 60_000))
    measured.fold(...load(1, 300, undefined, sinceMs + 60_000))
    expect(measured.split('s', sinceMs + 60_000, 0)).to.equal(null)
    expect(measured.lanes(sinceMs + 75_000, 0)[0]).to.deep.include({ processedPerSecond: 20, settled: false })
  })

  it('tell of lanes as settled when a session has gone on for longer than its beginning and half a minute', () => {
    const measured = new LoadMeasurements()
    measured.fold(...load(1, 1500))
    measured.fold(...load(2, 3000))
    expect(measured.lanes(sinceMs + 30_000, 0)).to.deep.equal([
      { lane: 3, ageMs: 0, processedPerSecond: 150, busyShare: 0.5, blockedShare: 0.1, settled: false },
    ])
    measured.fold(...load(3, 3000))
    expect(measured.lanes(sinceMs + 46_000, 0)[0]).to.deep.include({
      ageMs: 1000,
      processedPerSecond: 200,
      settled: true,
    })
  })

  it('count the wait for a limit of the source as blocked, not as busy', () => {
    const measured = new LoadMeasurements()
    measured.fold(...load(1, 1500, { busyShare: 1, blockedShare: 0 }))
    const [lane] = measured.lanes(sinceMs, 0.75)
    expect(lane).to.deep.include({ busyShare: 0.25, blockedShare: 0.75 })
  })

  it('forget lanes whose grant ended, and splits that are not read here any more', () => {
    const measured = new LoadMeasurements()
    for (const at of [0, 1]) measured.fold(...backlog(at, 1, at))
    measured.fold(...load(1, 1500))
    measured.fold(3, { kind: 'drained', grant: 1 }, sinceMs)
    measured.keep(new Set(['other']))
    expect(measured.lanes(sinceMs, 0)).to.deep.equal([])
    expect(measured.split('s', sinceMs, 0)).to.equal(null)
  })
})
