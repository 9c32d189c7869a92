// The numbers of a rate that all lanes of a process use at once: memory that threads share, and a lock for it. It is held
// for some arithmetic only, so whoever waits for it waits for microseconds.

/** Indexes of the numbers. */
export const field = {
  /** Of the lease in use: its number, units per second until it ends, and after. */
  number: 0,
  rate: 1,
  floor: 2,
  endsAtMs: 3,
  /** All that could be used until `filledAtMs`, and all that was given to somebody, since the beginning. */
  granted: 4,
  reserved: 5,
  filledAtMs: 6,
} as const

const fields = Object.keys(field).length
const lockBytes = 8
const triesMax = 200

export type RateMemory = SharedArrayBuffer

export function newRateMemory(): RateMemory {
  return new SharedArrayBuffer(lockBytes + fields * 8)
}

/** What one lane used of a rate, and how long its readers waited for it: written by the lane, read by the main thread. */
export class RateTally {
  readonly memory: SharedArrayBuffer
  readonly #numbers: Float64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.memory = memory
    this.#numbers = new Float64Array(memory)
  }

  /** Units, since the beginning. */
  get used(): number {
    return this.#numbers[0]!
  }

  /** Added up over all readers of the lane. */
  get waitedMs(): number {
    return this.#numbers[1]!
  }

  addUsed(amount: number): void {
    this.#numbers[0]! += amount
  }

  addWaited(ms: number): void {
    this.#numbers[1]! += ms
  }
}

export class LockedNumbers {
  readonly #lock: Int32Array
  readonly #numbers: Float64Array

  constructor(memory: RateMemory) {
    this.#lock = new Int32Array(memory, 0, 1)
    this.#numbers = new Float64Array(memory, lockBytes, fields)
  }

  /** Nothing here may wait: the other lanes stand still. */
  with<T>(work: (numbers: Float64Array) => T): T {
    // A thread that was ended while it had the lock never gives it back.
    for (let tries = 0; tries < triesMax && Atomics.compareExchange(this.#lock, 0, 0, 1) !== 0; tries++)
      Atomics.wait(this.#lock, 0, 1, 1)
    try {
      return work(this.#numbers)
    } finally {
      Atomics.store(this.#lock, 0, 0)
      Atomics.notify(this.#lock, 0, 1)
    }
  }
}
