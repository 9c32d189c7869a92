import { expect } from 'chai'
import { SourceLeases } from '#master/limits/source-leases.ts'
import type { LimitedKey } from '#master/limits/source-leases.ts'

const terms = { leaseMs: 10_000, graceMs: 2_000, floorShare: 0.2 }
const shop: LimitedKey = { namespace: 'shop', source: 'shop-db', unit: 'records' }

function begin(holders: readonly string[] = []): SourceLeases {
  return new SourceLeases({ ...terms, sinceMs: 0, inherited: () => new Map(holders.map(id => [id, 2])) })
}

const request = (id: string, weight = 1, using = 0) => ({
  id,
  weight,
  wanted: Infinity,
  using,
  process: 1,
})

describe('SourceLeases', () => {
  it('grants nothing for as long as leases of the master before may last', () => {
    const leases = begin()
    expect(leases.request(shop, 1000, request('a'), 11_999)).to.equal(null)
    expect(leases.request(shop, 1000, request('a'), 12_000)?.rate).to.equal(1000)
  })

  it('leaves room for the floor of a worker that was not heard of yet, until it is gone', () => {
    const leases = begin(['a', 'b'])
    const rateAt = (nowMs: number, using: number) =>
      leases.request(shop, 1000, request('a', 1, using), nowMs)!.rate
    expect(rateAt(12_000, 0)).to.equal(800)
    leases.forget('b')
    expect(rateAt(14_000, 1)).to.equal(1000)
  })

  it('grants connections when those that died under the master before are gone, and tells who has them', () => {
    const leases = begin(['a'])
    const connections: LimitedKey = { ...shop, unit: 'connections' }
    const asked = { ...request('b'), wanted: 4, least: 3 }
    expect(leases.request(connections, 6, asked, 0)?.rate).to.equal(0)
    expect(leases.request(connections, 6, asked, 10_000)?.rate, 'beside two of a').to.equal(4)
    expect(leases.holdersOf(connections, 10_000)).to.deep.equal([
      { id: 'b', rate: 4 },
      { id: 'a', rate: 2 },
    ])
    expect(leases.holdersOf({ ...connections, source: 'other' }, 10_000)).to.deep.equal([])
  })

  it('grants queries at once, and leaves room for all that a worker of the master before may have sent', () => {
    const leases = begin(['a', 'b'])
    const queries: LimitedKey = { ...shop, unit: 'queries' }
    expect(leases.request(queries, 5, { ...request('a'), held: 1 }, 0)?.rate).to.equal(3)
    leases.forget('b')
    expect(leases.request(queries, 5, { ...request('a', 1, 1), held: 3 }, 1)?.rate).to.equal(5)
  })

  it('keeps each source and unit by itself', () => {
    const leases = begin()
    const others: LimitedKey[] = [
      { ...shop, unit: 'bytes' },
      { ...shop, source: 'b' },
      { ...shop, namespace: 'c' },
    ]
    for (const key of [shop, ...others])
      expect(leases.request(key, 1000, request('a'), 20_000)?.rate).to.equal(1000)
    expect(leases.state(20_000)).to.have.length(4)
    expect(leases.state(20_000)[0]).to.deep.equal({
      ...shop,
      limit: 1000,
      holders: [{ id: 'a', rate: 1000 }],
    })
  })

  it('keeps to a limit that was lowered as soon as the leases of the higher one are given up', () => {
    const leases = begin()
    leases.request(shop, 1000, request('a'), 20_000)
    leases.request(shop, 1000, request('b'), 20_000)
    let using = { a: 1, b: 1 }
    for (let nowMs = 22_000; nowMs <= 30_000; nowMs += 2_000)
      using = {
        a: leases.request(shop, 100, request('a', 1, using.a), nowMs)!.number,
        b: leases.request(shop, 100, request('b', 1, using.b), nowMs)!.number,
      }
    const held = leases.state(36_000)[0]!.holders
    expect(held.reduce((sum, { rate }) => sum + rate, 0)).to.be.at.most(100)
    expect(held.every(({ rate }) => rate > 40)).to.equal(true)
  })
})
