import { expect } from 'chai'
import fc from 'fast-check'
import { fairShares } from '#master/limits/fair-shares.ts'

const demands = fc
  .array(
    fc.record({
      weight: fc.double({ min: 0.1, max: 100, noNaN: true }),
      wanted: fc.oneof(fc.constant(Infinity), fc.double({ min: 0, max: 1e6, noNaN: true })),
    }),
    { minLength: 1, maxLength: 64 },
  )
  .map(list => list.map((each, at) => ({ id: String(at), ...each })))
const limits = fc.double({ min: 0, max: 1e6, noNaN: true })

describe('fairShares', () => {
  it('gives each what it wants where there is enough', () => {
    const shares = fairShares(100, [
      { id: 'a', weight: 1, wanted: 60 },
      { id: 'b', weight: 9, wanted: 40 },
    ])
    expect([...shares]).to.have.deep.members([
      ['a', 60],
      ['b', 40],
    ])
  })

  it('gives by weight what those who want little leave', () => {
    const shares = fairShares(100, [
      { id: 'small', weight: 1, wanted: 10 },
      { id: 'low', weight: 1, wanted: Infinity },
      { id: 'high', weight: 2, wanted: Infinity },
    ])
    expect(shares.get('small')).to.equal(10)
    expect(shares.get('low')).to.be.closeTo(30, 1e-9)
    expect(shares.get('high')).to.be.closeTo(60, 1e-9)
  })

  it('stays within the limit where weights lie far apart', () => {
    const shares = fairShares(1000, [
      { id: 'heavy', weight: 1e17, wanted: 10 },
      { id: 'light', weight: 1, wanted: Infinity },
    ])
    expect(shares.get('light')).to.equal(990)
  })

  it('never gives more than is wanted, nor more than the limit in sum, and leaves nothing that is wanted', () => {
    fc.assert(
      fc.property(limits, demands, (limit, list) => {
        const shares = fairShares(limit, list)
        const sum = [...shares.values()].reduce((total, share) => total + share, 0)
        const wanted = list.reduce((total, each) => total + each.wanted, 0)
        for (const { id, wanted: most } of list) expect(shares.get(id)).to.be.within(0, most)
        expect(sum).to.be.closeTo(Math.min(limit, wanted), 1e-6 * Math.max(1, limit))
      }),
    )
  })

  it('leaves nobody short for the sake of one who has more for its weight', () => {
    fc.assert(
      fc.property(limits, demands, (limit, list) => {
        const shares = fairShares(limit, list)
        const levels = list.map(({ id, weight }) => shares.get(id)! / weight)
        const short = list.flatMap(({ id, wanted }, at) => (shares.get(id)! < wanted ? [levels[at]!] : []))
        if (short.length === 0) return
        const least = Math.min(...short)
        expect(Math.max(...levels)).to.be.at.most(least * (1 + 1e-9) + 1e-9)
      }),
    )
  })
})
