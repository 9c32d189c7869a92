import { expect } from 'chai'
import type { Split } from '#connectors/connector.ts'
import { Random } from '#test/simulation/random.ts'
import { LaneGrants } from '#worker/lane-grants.ts'
import type { Grant } from '#worker/lane-protocol.ts'

const split = (id: string): Split => ({ id, tables: ['t'], bounded: false, stage: 1, weight: 1 })
const grant = (id: number, ...splits: string[]): Grant => ({ id, splits: splits.map(split), tables: [] })
const ids = (splits: readonly Split[]) => splits.map(({ id }) => id)

describe('LaneGrants', () => {
  let grants: LaneGrants
  beforeEach(() => {
    grants = new LaneGrants()
  })
  const free = (lane: number, ...wanted: string[]) => ids(grants.free(lane, wanted.map(split)))

  it('keeps a split from other lanes until the lane that read it has committed that', () => {
    grants.give(0, grant(1, 'a', 'b'))
    grants.give(0, grant(2, 'a'))
    expect(free(1, 'a', 'b')).to.deep.equal([])
    expect(grants.ended(0, 1), 'drained, not the one of now').to.equal(null)
    expect(free(1, 'a', 'b')).to.deep.equal(['b'])
  })

  it('lets a lane have what it drains itself: it does one after the other', () => {
    grants.give(0, grant(1, 'a'))
    grants.give(0, grant(2))
    expect(free(0, 'a')).to.deep.equal(['a'])
  })

  it('tells who is to read a split, and forgets a grant that ended by itself', () => {
    grants.give(0, grant(1, 'a'))
    grants.give(1, grant(2, 'b'))
    grants.give(1, grant(3, 'c'))
    expect([...grants.holders]).to.deep.equal([
      ['a', 0],
      ['c', 1],
    ])
    expect(grants.ended(0, 1)).to.deep.equal(grant(1, 'a'))
    expect(grants.current(0)).to.equal(null)
    expect(free(1, 'a')).to.deep.equal(['a'])
  })

  it('never has two lanes at one split, in whatever order they end', () => {
    const random = new Random(1)
    const open: { lane: number; grant: Grant }[] = []
    for (let id = 1; id < 3000; id++) {
      const lane = random.between(0, 3)
      const wanted = ['a', 'b', 'c', 'd', 'e'].filter(() => random.chance(0.5))
      const given = grant(id, ...free(lane, ...wanted))
      grants.give(lane, given)
      open.push({ lane, grant: given })
      const readers = Map.groupBy(
        open.flatMap(one => one.grant.splits.map(({ id: name }) => ({ name, lane: one.lane }))),
        ({ name }) => name,
      )
      for (const [name, lanes] of readers)
        expect(new Set(lanes.map(one => one.lane)).size, `lanes at ${name}`).to.equal(1)
      while (random.chance(0.55) && open.length > 0) {
        const [ended] = open.splice(random.between(0, open.length - 1), 1)
        grants.ended(ended!.lane, ended!.grant.id)
      }
    }
  })
})
