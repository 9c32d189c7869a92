import { expect } from 'chai'
import { largestShare, smallestFitting } from '#master/autoscale/fit.ts'
import { sizesOf, within } from '#master/autoscale/sizes.ts'
import { limits } from './observations.ts'

const text = (sizes: readonly { replicas: number; lanes: number }[]): string =>
  sizes.map(({ replicas, lanes }) => `${replicas}×${lanes}`).join(' ')

describe('sizesOf', () => {
  it('has lanes before replicas', () => {
    expect(text(sizesOf({ ...limits, maxReplicas: 3, lanesMax: 3 }, 100))).to.equal('1×1 1×2 1×3 2×3 3×3')
    expect(text(sizesOf({ ...limits, minReplicas: 2, maxReplicas: 3 }, 100))).to.equal('2×1 2×2 3×2')
  })

  it('has no more lanes than splits can use, and yet as many replicas as are asked for', () => {
    expect(text(sizesOf(limits, 5))).to.equal('1×1 1×2 2×2 3×2')
    expect(text(sizesOf({ ...limits, minReplicas: 4, maxReplicas: 9 }, 1))).to.equal('4×1')
  })
})

describe('sizes of pods whose lanes are fixed', () => {
  const fixed = { ...limits, lanesMin: 2, maxReplicas: 3 }

  it('differ by their replicas', () => {
    expect(text(sizesOf(fixed, 100))).to.equal('1×2 2×2 3×2')
    expect(text(sizesOf(fixed, 1))).to.equal('1×2')
    expect(within(fixed, { replicas: 2, lanes: 1 })).to.deep.equal({ replicas: 2, lanes: 2 })
  })
})

describe('within', () => {
  it('has no replica only where the job may idle', () => {
    const none = { replicas: 0, lanes: 2 }
    expect(within({ ...limits, minReplicas: 0 }, none).replicas).to.equal(1)
    expect(within({ ...limits, minReplicas: 0, idleAfterMs: 1 }, none).replicas).to.equal(0)
  })
})

describe('smallestFitting', () => {
  const terms = { capacityPerSecond: 1000, plannedShare: 0.75, catchUpMs: 60_000 }
  const sizes = sizesOf({ ...limits, maxReplicas: 16 }, 64)
  const splits = (...inputs: number[]) => inputs.map(inputPerSecond => ({ inputPerSecond, backlog: 0 }))

  it('looks at the lane with the most, not at the sum', () => {
    // 3,000 in sum would go into four lanes of 750; but two of 600 do not go into one.
    expect(smallestFitting(sizes, splits(600, 600, 600, 600, 600), terms).size).to.deep.equal({
      replicas: 3,
      lanes: 2,
    })
  })

  it('gives a split that is too much for a lane one of its own, and no more than that', () => {
    const fit = smallestFitting(sizes, splits(5000, 200, 200, 200), terms)
    expect(fit).to.deep.equal({ size: { replicas: 1, lanes: 2 }, enough: true })
  })

  it('counts the backlog as what has to be read in the time to catch up', () => {
    const behind = splits(100, 100, 100, 100).map(split => ({ ...split, backlog: 48_000 }))
    expect(smallestFitting(sizes, behind, terms).size).to.deep.equal({ replicas: 2, lanes: 2 })
  })

  it('says so where not even the largest is enough', () => {
    const fit = smallestFitting(sizes.slice(0, 2), splits(700, 700, 700, 700), terms)
    expect(fit).to.deep.equal({ size: { replicas: 1, lanes: 2 }, enough: false })
  })

  it('tells what the fullest lane would have', () => {
    expect(largestShare(splits(500, 400, 300, 200), 2, terms)).to.equal(700)
  })
})
