// What readers may use of a source's limit: the rate of a lease (master/limits/rate-leases.ts), and the lease's floor once
// that has ended. All lanes of a worker, and under `sluice run` all jobs, draw from one: whoever asks gets the next part
// of what the rate will grant, in the order in which they asked, and waits until it is granted. So two that want more
// than there is get as much each. A portion that turned out larger is paid for by those that come after.
import type { Lease } from '#api/rate-lease.ts'
import type { Clock } from '#common/clock.ts'
import type { RateMemory } from './rate-memory.ts'
import { LockedNumbers, RateTally, field } from './rate-memory.ts'

/** What may be used at once after a pause: so much of a second's worth. */
const burstMs = 200
/** How often a reader looks whether its rate has changed. */
const lookMs = 200

export class LeasedRate {
  readonly #clock: Clock
  readonly #numbers: LockedNumbers
  readonly #tally: RateTally

  /** @param clock one whose monotonic time is the same on all threads */
  constructor(memory: RateMemory, clock: Clock, tally: RateTally = new RateTally()) {
    this.#clock = clock
    this.#numbers = new LockedNumbers(memory)
    this.#tally = tally
  }

  /** Number of the lease in use, to be told with the next request. */
  get using(): number {
    return this.#numbers.with(numbers => numbers[field.number]!)
  }

  /** Units per second at this moment. */
  get rate(): number {
    return this.#numbers.with(numbers => rateAt(numbers, this.#clock.monotonicMs()))
  }

  /** @param askedAtMs when it was asked for, by the monotonic clock: from then on it counts */
  grant(lease: Lease, askedAtMs: number): void {
    this.#numbers.with(numbers => {
      const nowMs = this.#clock.monotonicMs()
      const endsAtMs = askedAtMs + lease.forMs
      // An answer that was overtaken by a newer one, or is so late that its master may be one of the past.
      if (lease.number <= numbers[field.number]! || endsAtMs <= nowMs) return
      fill(numbers, nowMs)
      numbers[field.number] = lease.number
      numbers[field.rate] = lease.rate
      numbers[field.floor] = lease.floor
      numbers[field.endsAtMs] = endsAtMs
    })
  }

  /**
   * Waits for a part of the rate, first come first served, and resolves to how much it is: all that had been granted
   * to nobody, or what will be within so much time. Rejects when the signal aborts.
   */
  async next(leastMs: number, signal: AbortSignal): Promise<number> {
    // Without a rate there is no telling how much a part is.
    for (; this.rate <= 0; await this.#wait(lookMs, signal)) signal.throwIfAborted()
    signal.throwIfAborted()
    const { from, amount } = this.#reserve(Math.max(1, (this.rate * leastMs) / 1000))
    try {
      for (let ms = this.#untilMs(from); ms > 0; ms = this.#untilMs(from)) await this.#wait(ms, signal)
    } catch (error) {
      this.spent(amount, 0)
      throw error
    }
    return amount
  }

  /** What of a part was used: the rest goes to others, what was too much is taken from what comes. */
  spent(part: number, used: number): void {
    this.#tally.addUsed(used)
    this.#numbers.with(numbers => {
      numbers[field.reserved]! += used - part
    })
  }

  #reserve(least: number): { from: number; amount: number } {
    return this.#numbers.with(numbers => {
      fill(numbers, this.#clock.monotonicMs())
      const from = numbers[field.reserved]!
      const amount = Math.max(least, numbers[field.granted]! - from)
      numbers[field.reserved] = from + amount
      return { from, amount }
    })
  }

  /** How long it is, as things stand, until more than this is granted. */
  #untilMs(from: number): number {
    return this.#numbers.with(numbers => {
      const nowMs = this.#clock.monotonicMs()
      fill(numbers, nowMs)
      const missing = from - numbers[field.granted]!
      if (missing < 0) return 0
      const rate = rateAt(numbers, nowMs)
      return rate > 0 ? Math.min(lookMs, Math.max(1, (missing / rate) * 1000)) : lookMs
    })
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const sinceMs = this.#clock.monotonicMs()
    await this.#clock.sleep(ms, signal)
    this.#tally.addWaited(this.#clock.monotonicMs() - sinceMs)
    signal.throwIfAborted()
  }
}

function rateAt(numbers: Float64Array, nowMs: number): number {
  return nowMs < numbers[field.endsAtMs]! ? numbers[field.rate]! : numbers[field.floor]!
}

function fill(numbers: Float64Array, nowMs: number): void {
  const { granted, reserved } = field
  const sinceMs = numbers[field.filledAtMs]!
  // Another thread may have looked at the clock later and come here first.
  if (nowMs <= sinceMs) return
  const leasedMs = Math.max(0, Math.min(nowMs, numbers[field.endsAtMs]!) - sinceMs)
  const gained = numbers[field.rate]! * leasedMs + numbers[field.floor]! * (nowMs - sinceMs - leasedMs)
  numbers[granted]! += gained / 1000
  numbers[field.filledAtMs] = nowMs
  const idle = numbers[granted]! - (rateAt(numbers, nowMs) * burstMs) / 1000
  numbers[reserved] = Math.max(numbers[reserved]!, idle)
}
