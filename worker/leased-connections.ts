// The connections to a source that a worker was given (master/limits/connection-leases.ts), as its main thread and its lanes
// use them: whoever would make one waits until it may. So that nobody waits for ever, what lasts (a reader, an open snapshot)
// leaves one for what is brief, which then always ends, and readers begin nothing while a snapshot is to be opened. With the
// least a worker is given, one reader and one snapshot beside it can last. A smaller lease takes nothing back: it holds for
// those that would begin.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import { workerConnectionsMin } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import type { ConnectionPermits, ConnectionUse } from '#connectors/read-pace.ts'
import type { RateMemory, RateTally } from './rate-memory.ts'
import { LockedNumbers } from './rate-memory.ts'

/** Indexes of the numbers. */
const field = { number: 0, count: 1, held: 2, lasting: 3, waiting: 4, snapshots: 5, left: 6 } as const

/** How often one that waits looks again. */
const lookMs = 50

export class LeasedConnections implements ConnectionPermits {
  readonly #clock: Clock
  readonly #numbers: LockedNumbers
  readonly #tally: RateTally

  constructor(memory: RateMemory, clock: Clock, tally: RateTally) {
    this.#clock = clock
    this.#numbers = new LockedNumbers(memory)
    this.#tally = tally
  }

  /** How many there may be at a time, now: 0, or at least what a worker needs. */
  get count(): number {
    return this.#numbers.with(numbers => numbers[field.count]!)
  }

  /** What to tell the master. */
  get demand(): Required<Pick<LeaseRequest, 'wanted' | 'held' | 'using' | 'least'>> {
    return this.#numbers.with(numbers => {
      const lasting = numbers[field.lasting]! + numbers[field.waiting]!
      return {
        wanted: numbers[field.left] === 1 ? 0 : Math.max(workerConnectionsMin, lasting + 1),
        held: Math.max(numbers[field.held]!, numbers[field.count]!),
        using: numbers[field.number]!,
        least: workerConnectionsMin,
      }
    })
  }

  grant(lease: Lease): void {
    this.#numbers.with(numbers => {
      if (lease.number <= numbers[field.number]! || numbers[field.left] === 1) return
      numbers[field.number] = lease.number
      numbers[field.count] = lease.rate
    })
  }

  /** None will be made any more. */
  giveUp(): void {
    this.#numbers.with(numbers => {
      numbers[field.count] = 0
      numbers[field.left] = 1
    })
  }

  async enter(use: ConnectionUse, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    this.#wait(use, 1)
    try {
      while (!this.#begin(use)) {
        const sinceMs = this.#clock.monotonicMs()
        await this.#clock.sleep(lookMs, signal)
        if (use === 'reader') this.#tally.addWaited(this.#clock.monotonicMs() - sinceMs)
        signal.throwIfAborted()
      }
    } finally {
      this.#wait(use, -1)
    }
    this.#tally.addUsed(1)
    let ended = false
    return () => {
      if (!ended) this.#end(use)
      ended = true
    }
  }

  #begin(use: ConnectionUse): boolean {
    return this.#numbers.with(numbers => {
      const count = numbers[field.count]!
      if (numbers[field.held]! >= count) return false
      if (use !== 'brief') {
        if (numbers[field.lasting]! >= count - 1) return false
        if (use === 'reader' && numbers[field.snapshots]! > 0) return false
        numbers[field.lasting]!++
      }
      numbers[field.held]!++
      return true
    })
  }

  #end(use: ConnectionUse): void {
    this.#numbers.with(numbers => {
      numbers[field.held]!--
      if (use !== 'brief') numbers[field.lasting]!--
    })
  }

  #wait(use: ConnectionUse, more: number): void {
    if (use === 'brief') return
    this.#numbers.with(numbers => {
      numbers[field.waiting]! += more
      if (use === 'snapshot') numbers[field.snapshots]! += more
    })
  }
}
