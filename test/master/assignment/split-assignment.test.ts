import { expect } from 'chai'
import type { Heartbeat, SplitSpec } from '#api/heartbeat.ts'
import { SplitAssignment, assignmentTerms } from '#master/assignment/split-assignment.ts'
import type { AssignmentStart } from '#master/assignment/split-assignment.ts'

const split = (id: string, part: Partial<SplitSpec> = {}): SplitSpec => {
  return { id, tables: ['t'], bounded: false, stage: 1, weight: 1, ...part }
}

/** A worker as the master sees it. */
class Teller {
  readonly #master: SplitAssignment
  readonly #facts: Partial<Heartbeat>
  #number = 0
  held: string[] = []

  constructor(master: SplitAssignment, worker: string, facts: Partial<Heartbeat> = {}) {
    this.#master = master
    this.#facts = { worker, ...facts }
  }

  tell(nowMs: number, facts: Partial<Heartbeat> = {}): ReturnType<SplitAssignment['heard']> {
    const request: Heartbeat = {
      job: { namespace: 'n', name: 'j' },
      worker: '',
      startedAtMs: 1,
      number: ++this.#number,
      term: 1,
      plan: 'p1',
      capacity: 1,
      leaving: false,
      held: this.held.map(id => ({ id, draining: false, leased: true, lagMs: null })),
      finished: [],
      planned: null,
      leases: [],
      ...this.#facts,
      ...facts,
    }
    return this.#master.heard(request, nowMs)
  }

  /** Tells, and does at once as it is told. Ids of the splits it then reads. */
  follow(nowMs: number, facts: Partial<Heartbeat> = {}): string[] {
    const splits = this.tell(nowMs, facts)!.splits
    if (splits) this.held = splits.map(({ id }) => id).toSorted()
    return this.held
  }
}

function begin(part: Partial<AssignmentStart> = {}): SplitAssignment {
  return new SplitAssignment(assignmentTerms, { term: 1, sinceMs: 0, workers: [], ...part })
}

const four = ['a', 'b', 'c', 'd'].map(id => split(id))

/** Two workers that carry two splits each, at 10 s. */
function twoWorkers(): { master: SplitAssignment; one: Teller; two: Teller } {
  const master = begin()
  const [one, two] = [new Teller(master, 'one'), new Teller(master, 'two')]
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 1000) {
    one.follow(nowMs, { planned: four })
    two.follow(nowMs + 1)
  }
  expect([one.held.length, two.held.length]).to.deep.equal([2, 2])
  return { master, one, two }
}

describe('SplitAssignment', () => {
  it('has the first worker plan, and gives it what it finds', () => {
    const one = new Teller(begin(), 'one')
    expect(one.tell(0)).to.deep.include({ plans: true, splits: null, term: 1, number: 1, validMs: 9000 })
    expect(one.tell(1, { planned: four })!.splits).to.deep.equal(four)
  })

  it('tells who reads how many, and why splits went to another', () => {
    const { master, one, two } = twoWorkers()
    expect(Object.fromEntries(master.shares)).to.deep.equal({ one: 2, two: 2 })
    expect(master.moved).to.deep.equal({ balance: 2, leaving: 0, takeover: 0 })
    two.tell(11_000, { leaving: true })
    expect(master.moved, 'one that stops').to.deep.equal({ balance: 2, leaving: 2, takeover: 0 })
    master.forget('two')
    one.follow(12_000)
    one.follow(12_500)
    expect(Object.fromEntries(master.shares)).to.deep.equal({ one: 4 })
    master.forget('one')
    new Teller(master, 'three').follow(13_000)
    expect(master.moved, 'one that is gone').to.deep.equal({ balance: 2, leaving: 2, takeover: 4 })
  })

  it('counts what was drained before it was asked for as handed over', () => {
    const { master, two } = twoWorkers()
    two.held = []
    two.tell(11_000, { leaving: true })
    expect(master.moved).to.deep.equal({ balance: 2, leaving: 2, takeover: 0 })
  })

  it('waits for others after a worker joined before it moves splits, and gives one when the former reader is done', () => {
    const master = begin()
    const [one, two] = [new Teller(master, 'one'), new Teller(master, 'two')]
    one.follow(0, { planned: four })
    expect(two.follow(1)).to.deep.equal([])
    for (let nowMs = 1_000; nowMs <= 5_000; nowMs += 1_000) {
      expect(one.follow(nowMs)).to.have.length(4)
      expect(two.follow(nowMs)).to.deep.equal([])
    }
    expect(one.tell(5_500)!.splits, 'two are to be drained').to.have.length(2)
    expect(two.follow(5_600), 'while it may still commit').to.deep.equal([])
    one.follow(6_000)
    one.tell(6_100)
    expect(two.follow(6_200)).to.have.length(2)
  })

  it('takes a silent worker for dead after ten seconds, and its splits go to the other', () => {
    const { one, two } = twoWorkers()
    for (let nowMs = 11_000; nowMs < 20_000; nowMs += 1000) expect(two.follow(nowMs)).to.have.length(2)
    expect(one.held).to.have.length(2)
    expect(two.follow(20_001)).to.have.length(4)
  })

  it('gives what a worker held to others at once when its pod is gone', () => {
    const { master, two } = twoWorkers()
    master.forget('one')
    expect(two.follow(10_500)).to.have.length(4)
  })

  it('has the splits of a process free when the next one of its pod is there', () => {
    const { master, two } = twoWorkers()
    const again = new Teller(master, 'one', { startedAtMs: 2 })
    expect(again.follow(10_500)).to.have.length(2)
    expect(two.follow(10_600)).to.have.length(2)
  })

  it('does not count the time it stood still itself as silence of others', () => {
    const { one, two } = twoWorkers()
    expect(two.follow(70_000)).to.have.length(2)
    expect(one.follow(70_001)).to.have.length(2)
    expect(two.follow(70_002)).to.have.length(2)
  })

  it('takes the splits of a worker that leaves as it drains them', () => {
    const { one, two } = twoWorkers()
    expect(one.tell(10_500, { leaving: true })!.splits).to.deep.equal([])
    expect(two.follow(10_600)).to.have.length(2)
    one.held = one.held.slice(1)
    one.tell(10_700, { leaving: true })
    expect(two.follow(10_800)).to.have.length(3)
  })

  it('does not answer a request that a newer one overtook, or that follows a newer master', () => {
    const one = new Teller(begin(), 'one')
    one.tell(0, { number: 5 })
    expect(one.tell(1, { number: 5 })).to.equal(null)
    expect(one.tell(1, { number: 9, startedAtMs: 0 })).to.equal(null)
    expect(one.tell(1, { number: 6, term: 2 })).to.equal(null)
    expect(one.tell(1, { number: 6 })).not.to.equal(null)
  })

  it('learns from all workers of the master before it, and only then says who reads what', () => {
    const master = begin({ term: 2, workers: ['one', 'two'] })
    const [one, two] = [new Teller(master, 'one'), new Teller(master, 'two')]
    one.held = ['a', 'b', 'c']
    two.held = ['d']
    expect(one.tell(0, { planned: four })!.splits).to.equal(null)
    expect(one.tell(2_000, { term: 2 })!.splits).to.equal(null)
    expect(two.tell(2_001)!.splits, 'an answer of the old master may still reach it').to.equal(null)
    expect(two.follow(4_000, { term: 2 })).to.deep.equal(['d'])
    expect(one.follow(4_001, { term: 2 })).to.deep.equal(['a', 'b', 'c'])
  })

  it('waits until those it does not hear from must be dead', () => {
    const master = begin({ term: 2, workers: null })
    const one = new Teller(master, 'one')
    one.held = ['a']
    for (let nowMs = 0; nowMs < 10_000; nowMs += 1000)
      expect(one.tell(nowMs, { planned: four, term: 2 })!.splits).to.equal(null)
    expect(one.follow(10_000, { planned: four, term: 2 })).to.have.length(4)
  })

  it('believes the worker that is sure of its split, though one that is not was heard first', () => {
    const master = begin({ term: 2, workers: ['one', 'two'] })
    const [one, two] = [new Teller(master, 'one'), new Teller(master, 'two')]
    two.held = ['a']
    const unsure = [{ id: 'a', draining: false, leased: false, lagMs: null }]
    one.tell(0, { held: unsure, planned: [split('a')], term: 2 })
    expect(two.follow(1, { term: 2 })).to.deep.equal(['a'])
    expect(one.tell(2, { held: unsure, term: 2 })!.splits).to.deep.equal([])
  })

  it('has another worker plan when the planner is gone, by the list of before until it has looked', () => {
    const { master, two } = twoWorkers()
    master.forget('one')
    expect(two.tell(10_500)).to.deep.include({ plans: true })
    expect(two.follow(10_600)).to.have.length(4)
    expect(two.follow(10_700, { planned: four.slice(0, 3) })).to.deep.equal(['a', 'b', 'c'])
  })

  it('drops a split that was read to its end until the planner lists it anew', () => {
    const bounded = [split('a', { bounded: true }), split('b')]
    const one = new Teller(begin(), 'one')
    one.follow(0, { planned: bounded })
    one.held = ['b']
    expect(one.tell(1, { planned: bounded, finished: ['a'] })).to.deep.include({ finished: ['a'] })
    expect(one.follow(2, { planned: bounded }), 'a list of before').to.deep.equal(['b'])
    expect(one.follow(3, { planned: bounded.slice(1) })).to.deep.equal(['b'])
    expect(one.follow(4, { planned: bounded })).to.deep.equal(['a', 'b'])
  })

  it('leaves splits with workers of the plan before until these leave, and gives new ones to the others', () => {
    const { master, one, two } = twoWorkers()
    master.follow('p2')
    const next = new Teller(master, 'three', { plan: 'p2' })
    expect(next.tell(10_500)!.plans).to.equal(true)
    next.follow(10_600, { planned: [...four, split('e')] })
    expect(next.held).to.deep.equal(['e'])
    for (let nowMs = 11_000; nowMs < 20_000; nowMs += 1000) {
      expect(one.follow(nowMs)).to.have.length(2)
      expect(two.follow(nowMs)).to.have.length(2)
      expect(next.follow(nowMs)).to.deep.equal(['e'])
    }
    one.held = []
    one.tell(20_000, { leaving: true })
    expect(next.follow(20_001)).to.have.length(3)
  })

  it('gives a worker of twice the capacity twice as many', () => {
    const master = begin()
    const [one, two] = [
      new Teller(master, 'one', { capacity: 1 }),
      new Teller(master, 'two', { capacity: 2 }),
    ]
    two.tell(0)
    one.follow(1)
    const planned = Array.from({ length: 9 }, (_, at) => split(`s${at}`))
    two.follow(2, { planned })
    expect([one.follow(3).length, two.follow(4).length]).to.deep.equal([3, 6])
  })
})
