// What a reader may use of a source's limit: a token bucket at the rate of its lease (master/limits/rate-leases.ts), and
// at the lease's floor once that has ended. A bucket that is not empty lets anything through and goes into debt, so
// that one large batch is not held up for ever; what follows pays for it. No reader asks it yet: see
// docs/decisions/0018-limits-by-leases.md.
import type { Lease } from '#api/rate-lease.ts'
import type { Clock } from '#common/clock.ts'
import { Turns } from '#common/turns.ts'

/** What may be used at once after a pause: so much of a second's worth. */
const burstMs = 200
/** How often a reader without any rate looks whether it has one. */
const idleMs = 200

export class LeasedRate {
  readonly #clock: Clock
  #lease: Lease = { number: 0, rate: 0, forMs: 0, floor: 0 }
  /** By the monotonic clock. */
  #endsAtMs = 0
  #filledAtMs: number
  #left = 0
  readonly #turns = new Turns()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#filledAtMs = clock.monotonicMs()
  }

  /** Number of the lease it uses, to be told with the next request. */
  get using(): number {
    return this.#lease.number
  }

  /** @param askedAtMs when it was asked for, by the monotonic clock: from then on it counts */
  grant(lease: Lease, askedAtMs: number): void {
    const endsAtMs = askedAtMs + lease.forMs
    // An answer that was overtaken by a newer one, or is so late that its master may be one of the past.
    if (lease.number <= this.#lease.number || endsAtMs <= this.#clock.monotonicMs()) return
    this.#fill()
    this.#lease = lease
    this.#endsAtMs = endsAtMs
  }

  /** Waits until so much may be used, first come first served. Rejects when the signal aborts. */
  async take(amount: number, signal: AbortSignal): Promise<void> {
    const end = await this.#turns.take(signal)
    try {
      for (this.#fill(); this.#left <= 0; this.#fill()) {
        signal.throwIfAborted()
        const untilPaidMs = this.#rate > 0 ? Math.max(1, (-this.#left / this.#rate) * 1000) : Infinity
        await this.#clock.sleep(Math.min(idleMs, untilPaidMs), signal)
      }
      signal.throwIfAborted()
      this.#left -= amount
    } finally {
      end()
    }
  }

  /** As of the last fill. */
  get #rate(): number {
    return this.#filledAtMs < this.#endsAtMs ? this.#lease.rate : this.#lease.floor
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs()
    const { rate, floor } = this.#lease
    const leasedMs = Math.max(0, Math.min(nowMs, this.#endsAtMs) - this.#filledAtMs)
    const gained = (rate * leasedMs + floor * (nowMs - this.#filledAtMs - leasedMs)) / 1000
    this.#filledAtMs = nowMs
    this.#left = Math.min(this.#left + gained, (this.#rate * burstMs) / 1000)
  }
}
