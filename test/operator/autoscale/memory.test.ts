import { expect } from 'chai'
import { scalingStatus } from '#api/autoscaling.ts'
import { initialState } from '#master/autoscale/situation.ts'
import { coarse, learnedOf, stateOf } from '#operator/autoscale/memory.ts'

const nowMs = Date.UTC(2026, 0, 1)

describe('what an operator leaves to the next one', () => {
  const state = {
    ...initialState,
    capacity: { perSecond: 1234.5, spread: 0.18, atMs: nowMs - 5000 },
    startUpMs: 33_333,
    patience: { factor: 4, atMs: nowMs - 60_000 },
    lastShrunkAtMs: nowMs - 120_000,
  }

  it('is what was learned, roughly', () => {
    const learned = learnedOf(state)!
    const status = { desiredReplicas: 2, reason: 'Steady', message: '', learned }
    expect(scalingStatus.safeParse(status).error).to.equal(undefined)
    expect(stateOf(status, nowMs)).to.deep.equal({
      ...initialState,
      capacity: { perSecond: 1200, spread: 0.2, atMs: nowMs },
      startUpMs: 35_000,
      patience: { factor: 4, atMs: nowMs - 60_000 },
      lastShrunkAtMs: nowMs - 120_000,
    })
  })

  it('is nothing where nothing was learned', () => {
    expect(learnedOf(initialState)).to.equal(undefined)
    expect(stateOf(undefined, nowMs)).to.equal(null)
  })

  it('has two digits of a number', () => {
    expect([0, 0.4, 7, 12.6, 1249, 98_765].map(coarse)).to.deep.equal([0, 0, 7, 13, 1200, 99_000])
  })
})
