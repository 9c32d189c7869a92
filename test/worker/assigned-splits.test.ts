import { expect } from 'chai'
import type { HeartbeatAnswer, SplitSpec } from '#api/heartbeat.ts'
import { heartbeatSchema } from '#api/heartbeat.ts'
import { AssignedSplits } from '#worker/assigned-splits.ts'

const split = (id: string): SplitSpec => ({ id, tables: ['t'], bounded: true, stage: 1, weight: 1 })

describe('AssignedSplits', () => {
  let nowMs: number
  let assigned: AssignedSplits
  let heard: string[]
  beforeEach(() => {
    nowMs = 0
    heard = []
    const facts = { job: { namespace: 'n', name: 'j' }, worker: 'w', startedAtMs: 1, plan: 'p', capacity: 2 }
    assigned = new AssignedSplits(facts, { monotonicMs: () => nowMs })
    assigned.onChange = () => heard.push('change')
    assigned.onFinished = () => heard.push('finished')
    assigned.onNews = () => heard.push('news')
  })

  function told(part: Partial<HeartbeatAnswer>): string[] {
    const { number } = assigned.ask([])
    const answer = { term: 1, number, splits: null, validMs: 9000, plans: false, finished: [], leases: [] }
    expect(assigned.take({ ...answer, ...part })).to.equal(true)
    return heard.splice(0)
  }

  it('wakes the job when it is told something else, and only then', () => {
    expect(told({ splits: [split('a')] })).to.deep.equal(['change'])
    expect(told({ splits: [split('a')] })).to.deep.equal([])
    expect(told({ splits: [split('a')], plans: true })).to.deep.equal(['change'])
    expect(told({ splits: [split('a')], plans: true, finished: ['x'] })).to.deep.equal(['finished'])
    expect(told({ splits: [split('a')], plans: true, finished: ['x'] })).to.deep.equal([])
    expect(told({ splits: [], plans: true, finished: ['x'] })).to.deep.equal(['change'])
  })

  it('asks to be given nothing while it stands by', () => {
    let standsBy = true
    assigned.standsBy = () => standsBy
    expect([assigned.ask([]).leaving, told({ splits: [] })]).to.deep.equal([true, ['change']])
    standsBy = false
    expect(assigned.ask([]).leaving).to.equal(false)
    told({ splits: [split('a')] })
    expect(assigned.reading.map(({ id }) => id)).to.deep.equal(['a'])
  })

  it('has the master told at once of what it found, drained and finished, each once', () => {
    told({ splits: [split('a'), split('b'), split('c')], plans: true })
    assigned.found([split('a')])
    assigned.found([split('a')])
    expect(heard.splice(0)).to.deep.equal(['news'])
    told({ splits: [split('a')], plans: true })
    assigned.drainedUnless(() => true)
    expect(heard.splice(0)).to.deep.equal([])
    assigned.drainedUnless(id => id === 'c')
    expect(heard.splice(0)).to.deep.equal(['news'])
    assigned.reachedEnd('a')
    expect(heard.splice(0)).to.deep.equal(['news'])
    const { held, finished, planned } = assigned.ask([])
    expect(held.map(({ id }) => id)).to.deep.equal(['c'])
    expect(finished).to.deep.equal(['a'])
    expect(planned).to.deep.equal([split('a')])
  })

  it('knows whether the master has said what to read, if only nothing', () => {
    told({ splits: null })
    expect(assigned.isAssigned).to.equal(false)
    expect(told({ splits: [] })).to.deep.equal(['change'])
    expect(assigned.isAssigned).to.equal(true)
  })

  it('drains what may be another one’s when the journal refused a commit', () => {
    told({ splits: [split('a'), split('b')] })
    assigned.fenced(['a'])
    expect(heard.splice(0), 'while it is its own').to.deep.equal([])
    nowMs = 9_000
    assigned.fenced(['a'])
    expect(heard).to.deep.equal(['change'])
    expect(assigned.draining.map(({ id }) => id)).to.deep.equal(['a'])
    expect(assigned.reading.map(({ id }) => id)).to.deep.equal(['b'])
  })

  it('tells with each heartbeat what was measured of its splits and its lanes', () => {
    told({ splits: [split('a')] })
    const measured = { ageMs: 5, inputPerSecond: 10, processedPerSecond: 9, lagRecords: 8 }
    const lane = {
      lane: 1,
      ageMs: 5,
      processedPerSecond: 9,
      busyShare: 0.5,
      blockedShare: 0,
      settled: true,
    }
    assigned.load = () => ({ lagMs: 800, lane: 1, measured })
    assigned.lanes = () => [lane]
    const { held, lanes } = heartbeatSchema.parse(JSON.parse(JSON.stringify(assigned.ask([]))))
    expect(held[0]).to.deep.include({ id: 'a', lagMs: 800, lane: 1, measured })
    expect(lanes).to.deep.equal([lane])
  })

  it('leaves with all it holds', () => {
    told({ splits: [split('a')] })
    assigned.leave()
    expect(heard).to.deep.equal(['news'])
    expect(assigned.ask([])).to.deep.include({ leaving: true })
    expect(assigned.draining.map(({ id }) => id)).to.deep.equal(['a'])
  })
})
