// A limit of so many at a time (master/limits/count-leases.ts), as all lanes of a worker use it, and under `sluice run` all
// jobs: whoever wants to begin waits until fewer are under way than the worker may have.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import type { Clock } from '#common/clock.ts'
import type { Beginner } from './leased-count.ts'
import { LeasedCount, countField } from './leased-count.ts'
import type { RateMemory, RateTally } from './rate-memory.ts'

/** Indexes of the numbers. */
const field = { ...countField, waiting: countField.own } as const

const turn: Beginner = {
  lookMs: 100,
  isLimited: true,
  wait: (numbers, more) => {
    numbers[field.waiting]! += more
  },
  begin: () => true,
  end: () => undefined,
}

export class LeasedTurns {
  readonly #leased: LeasedCount

  constructor(memory: RateMemory, clock: Clock, tally: RateTally) {
    this.#leased = new LeasedCount(memory, clock, tally)
  }

  /** How many there may be at a time, now. */
  get count(): number {
    return this.#leased.count
  }

  /** What to tell the master. */
  get demand(): Pick<LeaseRequest, 'wanted' | 'held' | 'using'> & { held: number } {
    return this.#leased.with(numbers => {
      const held = numbers[field.held]!
      return {
        wanted: held + numbers[field.waiting]!,
        held: Math.max(held, numbers[field.count]!),
        using: numbers[field.number]!,
      }
    })
  }

  grant(lease: Lease): void {
    this.#leased.grant(lease)
  }

  /** Nothing will be begun any more. */
  giveUp(): void {
    this.#leased.giveUp()
  }

  /** Waits for a turn, and resolves to what ends it. Rejects when the signal aborts. */
  enter(signal: AbortSignal): Promise<() => void> {
    return this.#leased.enter(turn, signal)
  }
}
