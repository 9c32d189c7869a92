import { expect } from 'chai'
import type { Lease } from '#api/rate-lease.ts'
import { RateLeases } from '#master/limits/rate-leases.ts'
import type { LeaseTerms } from '#master/limits/rate-leases.ts'
import { Random } from '#test/simulation/random.ts'

const terms: LeaseTerms = { limit: 1000, leaseMs: 10_000, graceMs: 2_000, floorShare: 0.5 }

describe('RateLeases', () => {
  const want = (id: string, using = 0, wanted = Infinity) => ({ id, weight: 1, wanted, using })

  it('gives one holder all it wants, and two as much each once the first has said that it uses less', () => {
    const leases = new RateLeases(terms, null)
    const first = leases.request(want('a'), 0)!
    expect(first.rate).to.equal(1000)
    expect(leases.request(want('b'), 100)!.rate, 'while a may use all').to.equal(0)
    const second = leases.request(want('a', first.number), 200)!
    expect(second.rate).to.equal(500)
    expect(leases.request(want('b', 1), 300)!.rate, 'while the answer to a may be lost').to.equal(0)
    leases.request(want('a', second.number), 400)
    expect(leases.request(want('b', 2), 500)!.rate).to.equal(500)
  })

  it('counts a holder that is silent at its floor when its lease has ended, and at nothing when it is gone', () => {
    const leases = new RateLeases(terms, null)
    leases.request(want('a'), 0)
    expect(leases.request(want('b'), 11_999)!.rate).to.equal(0)
    expect(leases.request(want('b', 1), 12_000)!.rate, 'all but the floor of a').to.equal(500)
    leases.forget('a')
    expect(leases.request(want('b', 2), 12_001)!.rate).to.equal(1000)
  })

  it('gives what silent holders leave above their floors to those that still ask', () => {
    const leases = new RateLeases(terms, null)
    const using = Array.from({ length: 10 }, () => 0)
    for (let second = 0; second < 60; second++)
      for (const at of using.keys())
        using[at] = leases.request(want(`w${at}`, using[at]), second * 1000)!.number
    let last = leases.request(want('w0', using[0]), 80_000)!
    for (let second = 81; second < 90; second++)
      last = leases.request(want('w0', last.number), second * 1000)!
    expect(last.rate, 'all but nine floors of 50').to.be.closeTo(550, 1e-6)
  })

  it('remembers little of a holder that hears no answer', () => {
    const leases = new RateLeases(terms, null)
    for (let request = 0; request < 100_000; request++) leases.request(want('a'), request * 1000)
    // Would take minutes if each of them were looked at.
    for (let request = 0; request < 10_000; request++) leases.request(want('b', request), 1e8 + request)
  })

  it('grants nothing while leases of the master before may last', () => {
    const leases = new RateLeases(terms, { sinceMs: 5_000, holders: [] })
    expect(leases.request(want('a', 7), 16_999)).to.equal(null)
    expect(leases.request(want('a', 7), 17_000)!.number).to.equal(8)
  })

  it('leaves room for floors of the master before until it has heard from everyone, or they are gone', () => {
    const leases = new RateLeases(terms, { sinceMs: 0, holders: ['a', 'b'] })
    expect(leases.request(want('a', 7), 20_000)!.rate).to.equal(500)
    expect(leases.request(want('a', 8), 20_001)!.rate, 'while b may use its floor').to.equal(500)
    leases.forget('b')
    expect(leases.request(want('a', 9), 20_002)!.rate).to.equal(1000)
  })

  for (let seed = 1; seed <= 40; seed++)
    it(`holds in sum through lost requests and answers, pauses and deaths (seed ${seed})`, () => {
      const world = new World(new Random(seed))
      for (let step = 0; step < 3000; step++) world.step()
      world.settle()
    })
})

interface Worker {
  id: string
  lease: Lease | null
  /** Of the lease, by when it was asked for. */
  endsAtMs: number
  wanted: number
  nextAtMs: number
}

/** Up to 64 workers that ask every second or so, over a network that loses one message in five. */
class World {
  readonly #random: Random
  #leases = new RateLeases(terms, null)
  #workers: Worker[] = []
  #answers: { atMs: number; askedAtMs: number; worker: Worker; lease: Lease }[] = []
  #born = 0
  #nowMs = 0

  constructor(random: Random) {
    this.#random = random
  }

  step(): void {
    this.#nowMs += 50
    const drawn = this.#random.next()
    if (this.#workers.length < 64 && drawn < 0.02) this.#start()
    else if (this.#workers.length > 0 && drawn < 0.03) this.#kill()
    else if (this.#workers.length > 0 && drawn < 0.05) this.#any().nextAtMs += this.#random.between(0, 30_000)
    else if (drawn > 0.999) this.#newMaster()
    this.#exchange(0.2)
    this.#expectWithinLimit()
  }

  /** When nothing is lost any more and nobody sleeps, everything that is wanted is given, as far as the limit goes. */
  settle(): void {
    if (this.#workers.length === 0) this.#start()
    for (const worker of this.#workers) worker.nextAtMs = this.#nowMs
    for (let step = 0; step < 1500; step++) {
      this.#nowMs += 50
      this.#exchange(0)
      this.#expectWithinLimit()
    }
    const wanted = this.#workers.reduce((sum, worker) => sum + worker.wanted, 0)
    expect(this.#allowed()).to.be.at.least(0.99 * Math.min(wanted, terms.limit))
  }

  #start(): void {
    const wanted = this.#random.next() < 0.5 ? 1e9 : this.#random.between(0, 300)
    this.#workers.push({ id: `w${this.#born++}`, lease: null, endsAtMs: 0, wanted, nextAtMs: this.#nowMs })
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
    this.#leases = new RateLeases(terms, {
      sinceMs: this.#nowMs,
      holders: this.#workers.map(({ id }) => id),
    })
  }

  #exchange(loss: number): void {
    const lost = (): boolean => this.#random.next() < loss
    for (const worker of this.#workers) {
      if (this.#nowMs < worker.nextAtMs) continue
      worker.nextAtMs = this.#nowMs + 500 + this.#random.between(0, 1000)
      if (lost()) continue
      const { id, wanted } = worker
      const lease = this.#leases.request(
        { id, weight: 1, wanted, using: worker.lease?.number ?? 0 },
        this.#nowMs,
      )
      if (lease === null || lost()) continue
      const atMs = this.#nowMs + this.#random.between(0, loss > 0 ? 1500 : 200)
      this.#answers.push({ atMs, askedAtMs: this.#nowMs, worker, lease })
    }
    for (const { askedAtMs, worker, lease } of this.#answers.filter(({ atMs }) => atMs <= this.#nowMs)) {
      // One that overtook it is newer.
      if (lease.number < (worker.lease?.number ?? 0)) continue
      worker.lease = lease
      worker.endsAtMs = askedAtMs + lease.forMs
    }
    this.#answers = this.#answers.filter(({ atMs }) => atMs > this.#nowMs)
  }

  #allowed(): number {
    return this.#workers.reduce((sum, { lease, endsAtMs }) => {
      if (lease === null) return sum
      return sum + (this.#nowMs < endsAtMs ? lease.rate : lease.floor)
    }, 0)
  }

  #expectWithinLimit(): void {
    expect(this.#allowed(), `at ${this.#nowMs} ms`).to.be.at.most(terms.limit * (1 + 1e-9))
  }
}
