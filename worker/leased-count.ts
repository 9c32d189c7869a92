// A lease of so many at a time, in numbers that all lanes of a worker share: how it is granted and given up, and how one
// waits that would begin. Whoever knows what is counted says when one may (leased-turns.ts, leased-connections.ts). A
// smaller lease takes nothing back: it holds for those that would begin.
import type { Lease } from '#api/rate-lease.ts'
import type { Clock } from '#common/clock.ts'
import type { RateMemory, RateTally } from './rate-memory.ts'
import { LockedNumbers } from './rate-memory.ts'

/** Indexes of the numbers. Those from `own` on are for whoever knows what is counted. */
export const countField = { number: 0, count: 1, held: 2, left: 3, own: 4 } as const

export interface Beginner {
  /** How often one that waits looks again. */
  lookMs: number
  /** Whether what it waited is told of the source's limit. */
  isLimited: boolean
  /** One more waits, or one less. */
  wait(numbers: Float64Array, more: 1 | -1): void
  /** Fewer are held than there may be: whether this one may begin; then it has. */
  begin(numbers: Float64Array): boolean
  end(numbers: Float64Array): void
}

export class LeasedCount {
  readonly #clock: Clock
  readonly #numbers: LockedNumbers
  readonly #tally: RateTally

  constructor(memory: RateMemory, clock: Clock, tally: RateTally) {
    this.#clock = clock
    this.#numbers = new LockedNumbers(memory)
    this.#tally = tally
  }

  /** Nothing in it may wait: the other lanes stand still. */
  with<T>(work: (numbers: Float64Array) => T): T {
    return this.#numbers.with(work)
  }

  /** How many there may be at a time, now. */
  get count(): number {
    return this.with(numbers => numbers[countField.count]!)
  }

  grant(lease: Lease): void {
    this.with(numbers => {
      if (lease.number <= numbers[countField.number]! || numbers[countField.left] === 1) return
      numbers[countField.number] = lease.number
      numbers[countField.count] = lease.rate
    })
  }

  /** Nothing will be begun any more, whatever is granted. */
  giveUp(): void {
    this.with(numbers => {
      numbers[countField.count] = 0
      numbers[countField.left] = 1
    })
  }

  /** Waits until it may begin, and resolves to what ends it. Rejects when the signal aborts. */
  async enter(beginner: Beginner, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    this.with(numbers => beginner.wait(numbers, 1))
    try {
      while (!this.#begin(beginner)) {
        const sinceMs = this.#clock.monotonicMs()
        await this.#clock.sleep(beginner.lookMs, signal)
        if (beginner.isLimited) this.#tally.addWaited(this.#clock.monotonicMs() - sinceMs)
        signal.throwIfAborted()
      }
    } finally {
      this.with(numbers => beginner.wait(numbers, -1))
    }
    this.#tally.addUsed(1)
    let ended = false
    return () => {
      if (!ended) this.#end(beginner)
      ended = true
    }
  }

  #begin(beginner: Beginner): boolean {
    return this.with(numbers => {
      if (numbers[countField.held]! >= numbers[countField.count]! || !beginner.begin(numbers)) return false
      numbers[countField.held]!++
      return true
    })
  }

  #end(beginner: Beginner): void {
    this.with(numbers => {
      numbers[countField.held]!--
      beginner.end(numbers)
    })
  }
}
