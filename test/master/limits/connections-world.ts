// Workers that snapshot and stream by the connections they are given, over a network that loses one message in five; they
// come, leave, are killed, and their server takes a while to notice. Masters change. Each step checks what must hold.
import { expect } from 'chai'
import type { Lease } from '#api/rate-lease.ts'
import { ConnectionLeases } from '#master/limits/connection-leases.ts'
import type { Random } from '#test/simulation/random.ts'

const limit = 11
const least = 3
const stepMs = 50
/** A server notices a client that is gone, at most; a pod that is gone is forgotten after more than that. */
const noticedMs = 8_000
const forgottenMs = 20_000

interface Worker {
  id: string
  weight: number
  lanes: number
  process: number
  number: number
  count: number
  holdsSnapshot: boolean
  /** Ranges still to be read, and when each that is under way ends. */
  ranges: number
  reading: number[]
  /** Since when it streams, and when that ends. */
  streamEndsAtMs: number | null
  brief: number[]
  /** When a request of it last came to the master, and was answered with nothing; never by default. */
  refusedAtMs: number
  nextAtMs: number
}

export class ConnectionsWorld {
  readonly #random: Random
  #leases = new ConnectionLeases(limit, new Map(), null)
  #workers: Worker[] = []
  #answers: { atMs: number; worker: Worker; process: number; lease: Lease }[] = []
  /** Connections that their server still has, and workers that the master still knows, of those that are gone. */
  #lingering: { untilMs: number; count: number }[] = []
  #forgets: { atMs: number; id: string }[] = []
  #born = 0
  #nowMs = 0

  constructor(random: Random) {
    this.#random = random
  }

  step(): void {
    const drawn = this.#random.next()
    if (this.#workers.length < 9 && drawn < 0.02) this.#start()
    else if (this.#workers.length > 0 && drawn < 0.024) this.#killPod()
    else if (this.#workers.length > 0 && drawn < 0.028) this.#killProcess()
    else if (this.#workers.length > 0 && drawn < 0.05) this.#any().nextAtMs += this.#random.between(0, 30_000)
    else if (drawn > 0.999) this.#newMaster()
    this.#live(0.2)
  }

  /** When nothing is lost any more, every job comes to its end. */
  settle(): void {
    for (const worker of this.#workers) worker.nextAtMs = this.#nowMs
    for (let step = 0; step < 20_000 && this.#workers.length > 0; step++) this.#live(0)
    expect(this.#workers, 'jobs that never end').to.deep.equal([])
  }

  #start(): void {
    this.#workers.push({
      id: `w${this.#born++}`,
      weight: this.#random.pick([1, 2, 4, 8]),
      lanes: this.#random.between(1, 5),
      process: 1,
      number: 0,
      count: 0,
      holdsSnapshot: false,
      ranges: this.#random.between(0, 12),
      reading: [],
      streamEndsAtMs: null,
      brief: [],
      refusedAtMs: -Infinity,
      nextAtMs: this.#nowMs,
    })
  }

  #any(): Worker {
    return this.#random.pick(this.#workers)
  }

  /** It is gone with its pod, which the master learns of later; its server notices before. */
  #killPod(): void {
    const dead = this.#any()
    this.#end(dead)
    this.#forgets.push({ atMs: this.#nowMs + forgottenMs, id: dead.id })
  }

  #killProcess(): void {
    const worker = this.#any()
    this.#linger(heldBy(worker))
    const again = { number: 0, count: 0, holdsSnapshot: false, reading: [], brief: [], streamEndsAtMs: null }
    const nextAtMs = this.#nowMs + this.#random.between(100, 3_000)
    Object.assign(worker, again, { process: worker.process + 1, nextAtMs, refusedAtMs: -Infinity })
  }

  #end(worker: Worker): void {
    this.#linger(heldBy(worker))
    this.#workers = this.#workers.filter(other => other !== worker)
  }

  #linger(count: number): void {
    this.#lingering.push({ untilMs: this.#nowMs + this.#random.between(0, noticedMs), count })
  }

  #newMaster(): void {
    const inherited = new Map(this.#workers.map(({ id, lanes }) => [id, Math.min(limit, lanes + 2)]))
    this.#leases = new ConnectionLeases(limit, inherited, this.#nowMs)
    for (const worker of this.#workers) worker.refusedAtMs = -Infinity
    // What the one before answers now is of another term, and not taken.
    this.#answers = []
    this.#forgets = []
  }

  #live(loss: number): void {
    this.#nowMs += stepMs
    for (const { id } of this.#forgets.filter(({ atMs }) => atMs <= this.#nowMs)) this.#leases.forget(id)
    this.#forgets = this.#forgets.filter(({ atMs }) => atMs > this.#nowMs)
    this.#lingering = this.#lingering.filter(({ untilMs }) => untilMs > this.#nowMs)
    for (const worker of this.#workers.slice()) this.#work(worker)
    this.#exchange(loss)
    const open = [...this.#workers.map(heldBy), ...this.#lingering.map(({ count }) => count)]
    expect(
      open.reduce((sum, count) => sum + count, 0),
      `at ${this.#nowMs} ms`,
    ).to.be.at.most(limit)
  }

  /** As worker/leased-connections.ts lets it: what lasts leaves one for what is brief, and a snapshot one for its reader. */
  #work(worker: Worker): void {
    const isOver = (endsAtMs: number): boolean => endsAtMs <= this.#nowMs
    worker.brief = worker.brief.filter(endsAtMs => !isOver(endsAtMs))
    worker.reading = worker.reading.filter(endsAtMs => !isOver(endsAtMs))
    const may = (): boolean => heldBy(worker) < worker.count
    const mayLast = (): boolean => may() && lastingOf(worker) < worker.count - 1
    if (this.#random.next() < 0.05 && may()) worker.brief.push(this.#nowMs + this.#random.between(10, 500))
    if (worker.ranges > 0 && !worker.holdsSnapshot && mayLast()) worker.holdsSnapshot = true
    while (worker.holdsSnapshot && worker.ranges > 0 && worker.reading.length < worker.lanes && mayLast()) {
      worker.ranges--
      worker.reading.push(this.#nowMs + this.#random.between(100, 8_000))
    }
    if (worker.ranges === 0 && worker.reading.length === 0) this.#stream(worker, mayLast)
  }

  #stream(worker: Worker, mayLast: () => boolean): void {
    worker.holdsSnapshot = false
    if (worker.streamEndsAtMs === null && mayLast())
      worker.streamEndsAtMs = this.#nowMs + this.#random.between(0, 30_000)
    if ((worker.streamEndsAtMs ?? Infinity) <= this.#nowMs) this.#depart(worker)
  }

  /** It says what it has not closed yet, and is gone; should that be lost, the master learns it from its pod. */
  #depart(worker: Worker): void {
    const { id, process, weight, number: using } = worker
    const held = heldBy(worker)
    this.#end(worker)
    this.#leases.request({ id, process, weight, wanted: 0, using, held, least }, this.#nowMs)
    this.#forgets.push({ atMs: this.#nowMs + forgottenMs, id })
  }

  #exchange(loss: number): void {
    const lost = (): boolean => this.#random.next() < loss
    for (const worker of this.#workers) {
      if (this.#nowMs < worker.nextAtMs) continue
      worker.nextAtMs = this.#nowMs + 500 + this.#random.between(0, 1000)
      if (lost()) continue
      const lease = this.#ask(worker)
      if (lost()) continue
      const atMs = this.#nowMs + this.#random.between(0, loss > 0 ? 1500 : 200)
      this.#answers.push({ atMs, worker, process: worker.process, lease })
    }
    for (const { worker, process, lease } of this.#answers.filter(({ atMs }) => atMs <= this.#nowMs)) {
      if (process !== worker.process || lease.number <= worker.number) continue
      worker.number = lease.number
      worker.count = lease.rate
    }
    this.#answers = this.#answers.filter(({ atMs }) => atMs > this.#nowMs)
  }

  #ask(worker: Worker): Lease {
    const { id, process, weight, lanes, number: using, count, ranges } = worker
    const held = Math.max(heldBy(worker), count)
    const wanted = ranges > 0 ? lanes + 2 : least
    const had = this.#leases.held().find(each => each.id === id)?.rate ?? 0
    const lease = this.#leases.request({ id, process, weight, wanted, using, held, least }, this.#nowMs)
    worker.refusedAtMs = lease.rate === 0 ? this.#nowMs : -Infinity
    if (lease.rate > 0 && had < least) this.#checkOrder(worker)
    expect(lease.rate, 'the least as a whole, or nothing').to.satisfy(
      (rate: number) => rate === 0 || rate >= least,
    )
    return lease
  }

  /** When one is served, there is room as well for all with a higher priority that wait. */
  #checkOrder({ id, weight }: Worker): void {
    const given = this.#leases.held().reduce((sum, { rate }) => sum + rate, 0)
    const isPassed = (other: Worker): boolean =>
      other.weight > weight && this.#nowMs - other.refusedAtMs < 10_000
    if (this.#workers.filter(isPassed).length * least <= limit - given) return
    expect(
      this.#workers.filter(isPassed).map(other => other.id),
      `${id} at ${this.#nowMs} ms passed`,
    ).to.deep.equal([])
  }
}

function lastingOf({ holdsSnapshot, reading, streamEndsAtMs }: Worker): number {
  return (holdsSnapshot ? 1 : 0) + reading.length + (streamEndsAtMs === null ? 0 : 1)
}

function heldBy(worker: Worker): number {
  return lastingOf(worker) + worker.brief.length
}
