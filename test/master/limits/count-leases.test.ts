import { expect } from 'chai'
import type { Lease } from '#api/rate-lease.ts'
import { CountLeases } from '#master/limits/count-leases.ts'
import { Random } from '#test/simulation/random.ts'

const nobody = new Map<string, number>()

describe('CountLeases', () => {
  const want = (id: string, wanted: number, using = 0, held = 0) => ({ id, weight: 1, wanted, using, held })

  it('gives one holder all it wants, and to another what the first says it has given up', () => {
    const leases = new CountLeases(4, nobody)
    expect(leases.request(want('a', 9), 0).rate).to.equal(4)
    expect(leases.request(want('b', 9), 1).rate, 'while a may begin four').to.equal(0)
    expect(leases.request(want('a', 9, 1, 4), 2).rate, 'for a, which has four').to.equal(2)
    expect(leases.request(want('b', 9, 1), 3).rate, 'while a has them still').to.equal(0)
    leases.request(want('a', 9, 2, 3), 4)
    expect(leases.request(want('b', 9, 2), 5).rate, 'when a has ended one').to.equal(1)
    leases.request(want('a', 9, 3, 2), 6)
    expect(leases.request(want('b', 9, 3, 1), 7).rate).to.equal(2)
  })

  for (const limit of [1, 2, 4])
    it(`lets three holders that want two each take turns at ${limit}`, () => {
      const leases = new CountLeases(limit, nobody)
      const ids = ['a', 'b', 'c']
      const state = new Map(ids.map(id => [id, { using: 0, count: 0, served: 0 }]))
      // Each ends what it has within a second, and asks every second.
      for (let second = 0; second < 60; second++)
        for (const id of ids) {
          const at = state.get(id)!
          const { number, rate } = leases.request(want(id, 2, at.using, at.count), second * 1000)
          at.served += rate
          Object.assign(at, { using: number, count: rate })
        }
      for (const { served } of state.values())
        expect(served, JSON.stringify([...state])).to.be.greaterThan((limit * 60) / 3 / 3)
    })

  it('takes back what one gives up that ends', () => {
    const leases = new CountLeases(1, nobody)
    const { number } = leases.request(want('a', 1), 0)
    expect(leases.request(want('b', 1), 1).rate, 'while it may begin one').to.equal(0)
    leases.request(want('a', 0, number, 0), 2)
    expect(leases.request(want('b', 1, 1), 3).rate).to.equal(1)
  })

  it('keeps nothing for one that is silent', () => {
    const leases = new CountLeases(1, nobody)
    leases.request(want('hung', 1), 0)
    leases.request(want('hung', 0, 1), 1)
    leases.request(want('hung', 1, 2), 2)
    const first = leases.request(want('a', 1), 20_000)
    expect(first.rate, 'while the silent one may have it').to.equal(0)
    leases.forget('hung')
    expect(leases.request(want('a', 1, first.number), 20_001).rate).to.equal(1)
  })

  it('counts all that those of the master before may have, until they speak or are gone', () => {
    const leases = new CountLeases(
      6,
      new Map([
        ['a', 2],
        ['b', 2],
      ]),
    )
    expect(leases.request(want('c', 9), 0).rate).to.equal(2)
    leases.request(want('a', 1, 7, 1), 1)
    leases.forget('b')
    expect(leases.request(want('c', 9, 1, 2), 2).rate).to.equal(5)
  })

  it('gives by weight, and every whole one that is left', () => {
    const leases = new CountLeases(10, nobody)
    const heavy = { id: 'heavy', weight: 4, wanted: 20, held: 0 }
    const light = { id: 'light', weight: 1, wanted: 20, held: 0 }
    let [h, l] = [leases.request({ ...heavy, using: 0 }, 0), leases.request({ ...light, using: 0 }, 1)]
    for (let round = 1; round < 10; round++) {
      h = leases.request({ ...heavy, using: h.number, held: h.rate }, round * 1000)
      l = leases.request({ ...light, using: l.number, held: l.rate }, round * 1000 + 1)
    }
    expect([h.rate, l.rate]).to.deep.equal([8, 2])
  })

  for (let seed = 1; seed <= 40; seed++)
    it(`holds in sum through lost requests and answers, deaths and changes of masters (seed ${seed})`, () => {
      const world = new World(new Random(seed))
      for (let step = 0; step < 3000; step++) world.step()
      world.settle()
    })
})

const limit = 7

interface Worker {
  id: string
  number: number
  count: number
  /** When each query that is under way ends. */
  queries: number[]
  lanes: number
  begun: number
  nextAtMs: number
}

/** Workers that begin a query in each lane as soon as they may, over a network that loses one message in five. */
class World {
  readonly #random: Random
  #leases = new CountLeases(limit, nobody)
  #workers: Worker[] = []
  #answers: { atMs: number; worker: Worker; lease: Lease }[] = []
  #born = 0
  #nowMs = 0

  constructor(random: Random) {
    this.#random = random
  }

  step(): void {
    const drawn = this.#random.next()
    if (this.#workers.length < 12 && drawn < 0.02) this.#start()
    else if (this.#workers.length > 0 && drawn < 0.03) this.#kill()
    else if (this.#workers.length > 0 && drawn < 0.05) this.#any().nextAtMs += this.#random.between(0, 30_000)
    else if (drawn > 0.998) this.#newMaster()
    this.#live(0.2)
  }

  /** When nothing is lost any more, all that may be under way is. */
  settle(): void {
    if (this.#workers.length === 0) this.#start()
    for (const worker of this.#workers) worker.nextAtMs = this.#nowMs
    let most = 0
    for (const worker of this.#workers) worker.begun = 0
    for (let step = 0; step < 3000; step++) {
      this.#live(0)
      if (step > 1000) most = Math.max(most, this.#underWay())
    }
    const lanes = this.#workers.reduce((sum, worker) => sum + worker.lanes, 0)
    expect(most).to.equal(Math.min(lanes, limit))
    for (const { id, begun } of this.#workers) expect(begun, `turns of ${id}`).to.be.greaterThan(0)
  }

  #start(): void {
    const lanes = this.#random.between(1, 5)
    this.#workers.push({
      id: `w${this.#born++}`,
      number: 0,
      count: 0,
      queries: [],
      begun: 0,
      lanes,
      nextAtMs: this.#nowMs,
    })
  }

  #any(): Worker {
    return this.#random.pick(this.#workers)
  }

  #kill(): void {
    const dead = this.#any()
    this.#workers = this.#workers.filter(worker => worker !== dead)
    this.#leases.forget(dead.id)
  }

  #newMaster(): void {
    this.#leases = new CountLeases(limit, new Map(this.#workers.map(({ id, lanes }) => [id, lanes])))
    // What the one before answers now is of another term, and not taken.
    this.#answers = []
  }

  #live(loss: number): void {
    this.#nowMs += 50
    for (const worker of this.#workers) {
      worker.queries = worker.queries.filter(endsAtMs => endsAtMs > this.#nowMs)
      while (worker.queries.length < Math.min(worker.count, worker.lanes)) this.#begin(worker)
    }
    this.#exchange(loss)
    expect(this.#underWay(), `at ${this.#nowMs} ms`).to.be.at.most(limit)
  }

  #begin(worker: Worker): void {
    worker.begun++
    worker.queries.push(this.#nowMs + this.#random.between(100, 8_000))
  }

  #exchange(loss: number): void {
    const lost = (): boolean => this.#random.next() < loss
    for (const worker of this.#workers) {
      if (this.#nowMs < worker.nextAtMs) continue
      worker.nextAtMs = this.#nowMs + 500 + this.#random.between(0, 1000)
      if (lost()) continue
      const { id, lanes, number: using, count, queries } = worker
      const held = Math.max(count, queries.length)
      const lease = this.#leases.request({ id, weight: 1, wanted: lanes, using, held }, this.#nowMs)
      if (lost()) continue
      const atMs = this.#nowMs + this.#random.between(0, loss > 0 ? 1500 : 200)
      this.#answers.push({ atMs, worker, lease })
    }
    for (const { worker, lease } of this.#answers.filter(({ atMs }) => atMs <= this.#nowMs)) {
      if (lease.number <= worker.number) continue
      worker.number = lease.number
      worker.count = lease.rate
    }
    this.#answers = this.#answers.filter(({ atMs }) => atMs > this.#nowMs)
  }

  #underWay(): number {
    return this.#workers.reduce((sum, { queries }) => sum + queries.length, 0)
  }
}
