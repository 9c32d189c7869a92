import { expect } from 'chai'
import fc from 'fast-check'
import type { Split } from '#connectors/connector.ts'
import { assignSplits } from '#master/assign.ts'

const split = (id: string, weight: number): Split => ({ id, weight, tables: ['t'], bounded: false, stage: 1 })
const splits = fc
  .uniqueArray(
    fc.record({ id: fc.string({ minLength: 1, maxLength: 4 }), weight: fc.integer({ min: 1, max: 100 }) }),
    { selector: one => one.id, maxLength: 40 },
  )
  .map(list => list.map(({ id, weight }) => split(id, weight)))
const loads = (assigned: Split[][]) => assigned.map(list => list.reduce((sum, one) => sum + one.weight, 0))

describe('assignment of splits to lanes', () => {
  it('gives every split to exactly one lane', () => {
    fc.assert(
      fc.property(splits, fc.integer({ min: 1, max: 8 }), (list, lanes) => {
        const ids = assignSplits(list, lanes, new Map())
          .flat()
          .map(one => one.id)
        expect(ids.toSorted()).to.deep.equal(list.map(one => one.id).toSorted())
      }),
    )
  })

  it('loads no lane above a fair share by more than one split', () => {
    fc.assert(
      fc.property(splits, fc.integer({ min: 1, max: 8 }), (list, lanes) => {
        const total = list.reduce((sum, one) => sum + one.weight, 0)
        const heaviest = Math.max(0, ...list.map(one => one.weight))
        for (const load of loads(assignSplits(list, lanes, new Map())))
          expect(load).to.be.at.most(total / lanes + heaviest)
      }),
    )
  })

  it('moves nothing when nothing changed', () => {
    fc.assert(
      fc.property(splits, fc.integer({ min: 1, max: 8 }), (list, lanes) => {
        const first = assignSplits(list, lanes, new Map())
        const current = new Map(
          first.flatMap((own, lane) => own.map((one): [string, number] => [one.id, lane])),
        )
        const again = assignSplits(list, lanes, current)
        const sets = (assigned: Split[][]) => assigned.map(own => own.map(one => one.id).toSorted())
        expect(sets(again)).to.deep.equal(sets(first))
      }),
    )
  })

  it('uses every lane when there are enough equal splits', () => {
    const list = Array.from({ length: 8 }, (_, n) => split(`s${n}`, 1))
    expect(loads(assignSplits(list, 4, new Map()))).to.deep.equal([2, 2, 2, 2])
    const onOne = new Map(list.map((one): [string, number] => [one.id, 0]))
    expect(loads(assignSplits(list, 4, onOne))).to.deep.equal([2, 2, 2, 2])
  })
})
