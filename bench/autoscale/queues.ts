// What waits in each split, and how old the oldest of it is: first in, first out.
import type { Arrivals } from './arrivals.ts'

/** Less than this is the rounding of what arrives, not a record. */
const nothing = 0.01

export class Queues {
  readonly backlog: Float64Array
  readonly #arrivals: Arrivals
  #step = 0
  /** The step of the oldest record that waits, by split, and how many of that step do. */
  readonly #oldest: Int32Array
  readonly #left: Float64Array

  constructor(arrivals: Arrivals) {
    this.#arrivals = arrivals
    this.backlog = new Float64Array(arrivals.splits)
    this.#oldest = new Int32Array(arrivals.splits).fill(1)
    this.#left = new Float64Array(arrivals.splits)
  }

  /** Records by split since the last step. */
  arrive(): Float32Array {
    const arrived = this.#arrivals.at(++this.#step)
    for (let split = 0; split < arrived.length; split++) {
      this.backlog[split]! += arrived[split]!
      if (this.#oldest[split] === this.#step) this.#left[split] = arrived[split]!
    }
    return arrived
  }

  take(split: number, records: number): void {
    this.backlog[split] = Math.max(0, this.backlog[split]! - records)
    let left = this.#left[split]! - records
    let oldest = this.#oldest[split]!
    while (left <= nothing && oldest <= this.#step)
      left += ++oldest <= this.#step ? this.#arrivals.at(oldest)[split]! : 0
    this.#oldest[split] = oldest
    this.#left[split] = left
  }

  lagS(split: number): number {
    return (this.#step + 1 - this.#oldest[split]!) * this.#arrivals.stepS
  }

  worstLagS(): number {
    let oldest = this.#step + 1
    for (const each of this.#oldest) oldest = Math.min(oldest, each)
    return (this.#step + 1 - oldest) * this.#arrivals.stepS
  }
}
