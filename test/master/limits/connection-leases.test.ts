import { expect } from 'chai'
import { ConnectionLeases } from '#master/limits/connection-leases.ts'
import type { ConnectionRequest } from '#master/limits/connection-leases.ts'
import { Random } from '#test/simulation/random.ts'
import { ConnectionsWorld } from './connections-world.ts'

const nobody = new Map<string, number>()
const ask = (id: string, more: Partial<ConnectionRequest> = {}): ConnectionRequest => {
  return { id, process: 1, weight: 2, wanted: 3, least: 3, using: 0, held: 0, ...more }
}

describe('ConnectionLeases', () => {
  it('gives the least as a whole or nothing, and what is beyond to who could use more', () => {
    const leases = new ConnectionLeases(8, nobody, null)
    expect(leases.request(ask('a', { wanted: 9 }), 0).rate).to.equal(8)
    expect(leases.request(ask('b'), 1).rate, 'while a may have them all').to.equal(0)
    expect(leases.request(ask('a', { wanted: 9, using: 1, held: 8 }), 2).rate, 'for a').to.equal(5)
    expect(leases.request(ask('b', { using: 1 }), 3).rate, 'while a has them still').to.equal(0)
    leases.request(ask('a', { wanted: 9, using: 2, held: 6 }), 4)
    expect(leases.request(ask('b', { using: 2 }), 5).rate, 'two are no good').to.equal(0)
    leases.request(ask('a', { wanted: 9, using: 3, held: 5 }), 6)
    expect(leases.request(ask('b', { using: 3 }), 7).rate).to.equal(3)
  })

  it('serves the job with the highest priority first, then who came first, and nobody before them', () => {
    const leases = new ConnectionLeases(6, nobody, null)
    for (const id of ['a', 'b']) leases.request(ask(id), 0)
    leases.request(ask('low', { weight: 1 }), 1)
    leases.request(ask('late', { weight: 8 }), 3)
    leases.request(ask('early', { weight: 8 }), 2)
    leases.forget('a')
    const order = ['low', 'late', 'early']
    expect(order.map(id => leases.request(ask(id, { weight: id === 'low' ? 1 : 8 }), 4).rate)).to.deep.equal([
      0, 0, 3,
    ])
    leases.forget('b')
    expect(order.map(id => leases.request(ask(id, { weight: id === 'low' ? 1 : 8 }), 5).rate)).to.deep.equal([
      0, 3, 3,
    ])
  })

  it('serves nobody who needs less before one who is next', () => {
    const leases = new ConnectionLeases(7, nobody, null)
    leases.request(ask('a'), 0)
    leases.request(ask('next', { weight: 8, least: 5, wanted: 5 }), 1)
    expect(leases.request(ask('b'), 2).rate).to.equal(0)
  })

  it('leaves the least to those that have it, whoever waits and however low the limit becomes', () => {
    const leases = new ConnectionLeases(6, nobody, null)
    leases.request(ask('a', { wanted: 6 }), 0)
    leases.changeLimit(3)
    leases.request(ask('core', { weight: 8 }), 1)
    expect(leases.request(ask('a', { wanted: 6, using: 1, held: 6 }), 2).rate).to.equal(3)
    expect(leases.request(ask('core', { weight: 8, using: 1 }), 3).rate).to.equal(0)
  })

  it('keeps nothing for one that is silent while it waits', () => {
    const leases = new ConnectionLeases(4, nobody, null)
    leases.request(ask('a', { wanted: 4 }), 0)
    leases.request(ask('hung', { weight: 8 }), 0)
    leases.forget('a')
    expect(leases.request(ask('b'), 5_000).rate, 'before it counts as silent').to.equal(0)
    expect(leases.request(ask('b'), 11_000).rate).to.equal(3)
  })

  it('counts a process that ended for as long as its server may take to notice', () => {
    const leases = new ConnectionLeases(3, nobody, null)
    leases.request(ask('a'), 0)
    expect(leases.request(ask('a', { process: 2 }), 1_000).rate, 'for the one in its place').to.equal(0)
    expect(leases.held()).to.deep.equal([{ id: 'a', rate: 3 }])
    expect(leases.request(ask('a', { process: 2 }), 11_000).rate).to.equal(3)
    const last = ask('a', { process: 2, using: 2, wanted: 0, held: 1 })
    expect(leases.request(last, 12_000).rate, 'for one that leaves').to.equal(0)
    expect(leases.request(ask('b'), 12_001).rate, 'while one is not closed').to.equal(0)
    expect(leases.request(ask('b'), 22_001).rate).to.equal(3)
  })

  it('gives nobody more in the first seconds of a master, and counts those that have not spoken', () => {
    const former = new Map([
      ['a', 4],
      ['b', 4],
    ])
    const leases = new ConnectionLeases(9, former, 0)
    expect(leases.request(ask('a', { wanted: 4, using: 7, held: 3 }), 1).rate, 'what it has').to.equal(3)
    expect(leases.request(ask('c'), 2).rate).to.equal(0)
    expect(leases.request(ask('c'), 10_000).rate, 'while b may have four').to.equal(0)
    leases.forget('b')
    expect(leases.request(ask('c'), 10_001).rate).to.equal(3)
  })

  for (let seed = 1; seed <= 40; seed++)
    it(`holds in sum, serves by priority and lets all jobs end, through losses, deaths and changes of masters (seed ${seed})`, () => {
      const world = new ConnectionsWorld(new Random(seed))
      for (let step = 0; step < 3000; step++) world.step()
      world.settle()
    })
})
