// A limit of so many at a time (master/limits/count-leases.ts), as all lanes of a worker use it, and under `sluice run` all
// jobs: whoever wants to begin waits until fewer are under way than the worker may have. A smaller lease takes nothing back:
// it holds for those that would begin.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import type { Clock } from '#common/clock.ts'
import type { RateMemory, RateTally } from './rate-memory.ts'
import { LockedNumbers } from './rate-memory.ts'

/** Indexes of the numbers. */
const field = { number: 0, count: 1, held: 2, waiting: 3 } as const

/** How often one that waits looks again. */
const lookMs = 100

export class LeasedTurns {
  readonly #clock: Clock
  readonly #numbers: LockedNumbers
  readonly #tally: RateTally

  constructor(memory: RateMemory, clock: Clock, tally: RateTally) {
    this.#clock = clock
    this.#numbers = new LockedNumbers(memory)
    this.#tally = tally
  }

  /** How many there may be at a time, now. */
  get count(): number {
    return this.#numbers.with(numbers => numbers[field.count]!)
  }

  /** What to tell the master. */
  get demand(): Pick<LeaseRequest, 'wanted' | 'held' | 'using'> & { held: number } {
    return this.#numbers.with(numbers => {
      const held = numbers[field.held]!
      return {
        wanted: held + numbers[field.waiting]!,
        held: Math.max(held, numbers[field.count]!),
        using: numbers[field.number]!,
      }
    })
  }

  grant(lease: Lease): void {
    this.#numbers.with(numbers => {
      if (lease.number <= numbers[field.number]!) return
      numbers[field.number] = lease.number
      numbers[field.count] = lease.rate
    })
  }

  /** Nothing will be begun any more. */
  giveUp(): void {
    this.#numbers.with(numbers => {
      numbers[field.count] = 0
    })
  }

  /** Waits for a turn, and resolves to what ends it. Rejects when the signal aborts. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    this.#add(field.waiting, 1)
    try {
      while (!this.#begin()) {
        const sinceMs = this.#clock.monotonicMs()
        await this.#clock.sleep(lookMs, signal)
        this.#tally.addWaited(this.#clock.monotonicMs() - sinceMs)
        signal.throwIfAborted()
      }
    } finally {
      this.#add(field.waiting, -1)
    }
    this.#tally.addUsed(1)
    let ended = false
    return () => {
      if (!ended) this.#add(field.held, -1)
      ended = true
    }
  }

  #begin(): boolean {
    return this.#numbers.with(numbers => {
      if (numbers[field.held]! >= numbers[field.count]!) return false
      numbers[field.held]!++
      return true
    })
  }

  #add(index: number, amount: number): void {
    this.#numbers.with(numbers => {
      numbers[index]! += amount
    })
  }
}
