// A worker of the simulated cluster: it asks, follows the answers, and reads and commits what it holds. Its clock has
// a beginning and a rate of its own.
import type { HeartbeatAnswer, SplitSpec } from '#api/heartbeat.ts'
import { SplitLeases } from '#worker/split-leases.ts'
import type { World } from './world.ts'

interface Reader {
  /** Where the split stood when it was last read from. */
  version: number
  commitAtMs: number
  /** A bounded one has ended by then. */
  endsAtMs: number
  drainedAtMs: number | null
}

export class SimulatedWorker {
  readonly name: string
  readonly capacity: number
  readonly startedAtMs: number
  readonly leases = new SplitLeases()
  readonly readers = new Map<string, Reader>()
  pausedUntilMs = 0
  /** Until then it reaches the source and the lake, and not the master. */
  cutOffUntilMs = 0
  isLeaving = false
  plan = 'plan-1'
  readonly #world: World
  readonly #rate: number
  #askAtMs: number
  #planned: SplitSpec[] | null = null
  #lookAtMs = 0
  #leftAtMs = 0

  constructor(world: World, name: string, capacity: number) {
    this.#world = world
    this.name = name
    this.capacity = capacity
    this.startedAtMs = world.nowMs
    this.#rate = 0.98 + 0.04 * world.random.next()
    this.#askAtMs = world.nowMs + world.random.between(100, 2000)
  }

  get isAwake(): boolean {
    return this.#world.nowMs >= this.pausedUntilMs
  }
  /** It handed over everything, and told so once more. */
  get hasLeft(): boolean {
    return this.isLeaving && this.isAwake && this.readers.size === 0 && this.#askAtMs > this.#leftAtMs
  }
  isLeased(split: string): boolean {
    return this.leases.isLeased(split, this.#nowMs)
  }
  get #nowMs(): number {
    return 1e6 + this.#world.nowMs * this.#rate
  }

  leave(): void {
    this.isLeaving = true
    this.#leftAtMs = this.#world.nowMs + 6_000
    this.leases.leave()
  }

  hear(answer: Omit<HeartbeatAnswer, 'leases'>): void {
    if (this.#world.nowMs < this.cutOffUntilMs) return
    this.leases.take(answer, this.#nowMs)
    this.#follow()
  }

  step(): void {
    const { nowMs, random } = this.#world
    if (!this.isAwake) return
    if (this.leases.plans && nowMs >= this.#lookAtMs) {
      // The first look is told of at once.
      if (this.#planned === null) this.#askAtMs = nowMs
      this.#planned = [...this.#world.splits.values()]
      this.#lookAtMs = nowMs + random.between(2_000, 10_000)
    }
    this.#follow()
    for (const [id, reader] of this.readers) this.#read(id, reader)
    if (nowMs < this.#askAtMs) return
    this.#askAtMs = this.#world.nextAskMs()
    const request = this.leases.ask(this.#facts(), this.#nowMs)
    if (nowMs >= this.cutOffUntilMs) this.#world.send(null, request)
  }

  #facts() {
    const { name: worker, startedAtMs, plan, capacity } = this
    const done = new Set(this.leases.finished)
    return {
      worker,
      startedAtMs,
      plan,
      capacity,
      leases: [],
      job: { namespace: 'n', name: 'j' },
      planned: this.#planned?.filter(({ id }) => !done.has(id)) ?? null,
      load: () => ({ lagMs: null }),
    }
  }

  #follow(): void {
    const { nowMs, random, journal } = this.#world
    for (const { id } of this.leases.reading)
      if (!this.readers.has(id))
        this.readers.set(id, {
          version: journal.get(id)!,
          commitAtMs: nowMs + random.between(300, 1500),
          endsAtMs: nowMs + random.between(2_000, 20_000),
          drainedAtMs: null,
        })
    for (const { id } of this.leases.draining) {
      const reader = this.readers.get(id)
      if (reader) reader.drainedAtMs ??= nowMs + random.between(100, 3_000)
      else this.leases.drained(id)
    }
  }

  #read(id: string, reader: Reader): void {
    const { nowMs, random, splits } = this.#world
    const drained = reader.drainedAtMs !== null && nowMs >= reader.drainedAtMs
    if (!drained && nowMs < reader.commitAtMs) return
    if (!this.#commit(id, reader)) {
      if (this.leases.fenced(id, this.#nowMs)) this.#end(id)
      return
    }
    if (drained) return this.#end(id)
    reader.commitAtMs = nowMs + random.between(300, 1500)
    if (splits.get(id)?.bounded !== true || nowMs < reader.endsAtMs) return
    splits.delete(id)
    this.readers.delete(id)
    this.leases.reachedEnd(id)
  }

  #end(id: string): void {
    this.readers.delete(id)
    this.leases.drained(id)
  }

  /** False when another moved the split on since: then it is read again from there. */
  #commit(id: string, reader: Reader): boolean {
    const { journal, nowMs, random } = this.#world
    const head = journal.get(id)!
    const isFirst = reader.version === head
    reader.version = head
    if (isFirst) journal.set(id, ++reader.version)
    else reader.commitAtMs = nowMs + random.between(300, 1500)
    return isFirst
  }
}
