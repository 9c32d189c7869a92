import { expect } from 'chai'
import type { HeartbeatAnswer, SplitSpec } from '#api/heartbeat.ts'
import { SplitLeases } from '#worker/split-leases.ts'

const split = (id: string): SplitSpec => ({ id, tables: ['t'], bounded: true, stage: 1, weight: 1 })
const facts = {
  job: { namespace: 'n', name: 'j' },
  worker: 'w',
  startedAtMs: 1,
  plan: 'p',
  capacity: 2,
  planned: [split('a')],
  leases: [],
  load: () => ({ lagMs: 7 }),
}

describe('SplitLeases', () => {
  let leases: SplitLeases
  beforeEach(() => {
    leases = new SplitLeases()
  })
  const ask = (nowMs: number) => leases.ask(facts, nowMs)
  const take = (part: Partial<HeartbeatAnswer>, nowMs: number) => {
    const answer = { term: 1, splits: null, validMs: 9000, plans: false, finished: [], ...part }
    return leases.take({ number: 1, ...answer }, nowMs)
  }
  /** Asks, and is given these. */
  const given = (nowMs: number, ...ids: string[]) => {
    const { number } = ask(nowMs)
    expect(take({ number, splits: ids.map(split) }, nowMs + 1)).to.equal(true)
  }
  const reading = () => leases.reading.map(({ id }) => id)
  const draining = () => leases.draining.map(({ id }) => id)

  it('reads what it was given, and says so with the next request', () => {
    given(0, 'a', 'b')
    expect(reading()).to.deep.equal(['a', 'b'])
    expect(ask(2000)).to.deep.include({
      number: 2,
      term: 1,
      held: ['a', 'b'].map(id => ({ id, draining: false, leased: true, lagMs: 7 })),
    })
  })

  it('drains what it is no longer given, and names it until that is done', () => {
    given(0, 'a', 'b')
    given(2000, 'b')
    expect([reading(), draining()]).to.deep.equal([['b'], ['a']])
    expect(ask(4000).held.map(({ id }) => id)).to.deep.equal(['a', 'b'])
    leases.drained('a')
    expect(ask(6000).held.map(({ id }) => id)).to.deep.equal(['b'])
  })

  it('does not read on what it drains when it is given again, until that is done', () => {
    given(0, 'a')
    given(2000)
    given(4000, 'a')
    expect([reading(), draining()]).to.deep.equal([[], ['a']])
    leases.drained('a')
    given(6000, 'a')
    expect(reading()).to.deep.equal(['a'])
  })

  it('takes only an answer to its newest request, of no master of the past, while it still counts', () => {
    ask(0)
    ask(2000)
    expect(take({ number: 1, splits: [split('a')] }, 2001), 'an older request').to.equal(false)
    expect(take({ number: 2, splits: [split('a')] }, 11_000), 'too late').to.equal(false)
    expect(take({ number: 2, term: 5, splits: [split('a')] }, 10_999)).to.equal(true)
    ask(12_000)
    expect(take({ number: 3, term: 4, splits: [] }, 12_001), 'a master of the past').to.equal(false)
    expect(reading()).to.deep.equal(['a'])
  })

  it('goes on for as long as it hears nothing, and keeps everything while a new master learns', () => {
    given(0, 'a')
    expect(ask(4e6).held).to.deep.include({ id: 'a', draining: false, leased: false, lagMs: 7 })
    expect(take({ number: 2, term: 2 }, 4e6)).to.equal(true)
    expect(reading()).to.deep.equal(['a'])
  })

  it('is sure of a split again only when the master says that it is its own', () => {
    given(0, 'a', 'b')
    ask(20_000)
    take({ number: 2, splits: null }, 20_001)
    expect(leases.isLeased('a', 20_002), 'the master does not know').to.equal(false)
    given(22_000, 'a')
    expect(leases.isLeased('a', 22_002)).to.equal(true)
    expect(leases.isLeased('b', 22_002), 'another may have it').to.equal(false)
  })

  it('stays sure of what it drains, of which it was sure', () => {
    given(0, 'a')
    given(8000)
    expect(leases.isLeased('a', 16_000)).to.equal(true)
  })

  it('reads again after a fence while it is sure of the split, and lets go of it when it is not', () => {
    given(0, 'a')
    expect(leases.fenced('a', 8_999)).to.equal(false)
    expect(reading()).to.deep.equal(['a'])
    expect(leases.fenced('a', 9_000)).to.equal(true)
    expect([reading(), draining()]).to.deep.equal([[], ['a']])
  })

  it('tells of a split it read to its end until that was heard, and does not take it again meanwhile', () => {
    given(0, 'a')
    ask(2000)
    leases.reachedEnd('a')
    expect(take({ number: 2, splits: [split('a')] }, 2001), 'sent before the master knew').to.equal(true)
    expect(reading()).to.deep.equal([])
    expect(ask(4000).finished, 'after an answer to a request that did not tell of it').to.deep.equal(['a'])
    expect(ask(6000).finished, 'without an answer').to.deep.equal(['a'])
    take({ number: 4, splits: [] }, 6001)
    expect(ask(8000).finished).to.deep.equal([])
  })

  it('tells what is to be read when it plans, and of what others finished', () => {
    expect(ask(0).planned).to.equal(null)
    take({ plans: true, finished: ['x'] }, 1)
    expect(ask(2000).planned).to.deep.equal([split('a')])
    expect(leases.finished).to.deep.equal(['x'])
  })

  it('drains all it holds and takes no more when it leaves', () => {
    given(0, 'a')
    leases.leave()
    expect(draining()).to.deep.equal(['a'])
    expect(ask(2000).leaving).to.equal(true)
    take({ number: 2, splits: [split('a'), split('b')] }, 2001)
    expect([reading(), draining()]).to.deep.equal([[], ['a']])
  })
})
