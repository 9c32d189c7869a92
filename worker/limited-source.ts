// The limits of a job's source as its main thread sees them: what each lane draws from, what was used, and whether
// readers wait for more.
import type { Plan } from '#api/plan.ts'
import type { LimitedUnit, Rates } from '#api/source-limits.ts'
import { limitedUnits } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import { leaseWeights } from '#master/limits/lease-weights.ts'
import { limitsAt } from '#master/limits/limits-at.ts'
import { LeasedRate } from './leased-rate.ts'
import type { RateMemory } from './rate-memory.ts'
import { RateTally, newRateMemory } from './rate-memory.ts'
import type { PaceData } from './source-pace.ts'

/** Rates by DataSource and unit, for all jobs of the process. */
export class SourceRates {
  readonly #memories = new Map<string, RateMemory>()

  of({ job, source }: Plan, unit: LimitedUnit): RateMemory {
    const key = `${job.namespace}/${source.name}/${unit}`
    let memory = this.#memories.get(key)
    if (memory === undefined) this.#memories.set(key, (memory = newRateMemory()))
    return memory
  }
}

interface Limited {
  rate: LeasedRate
  memory: RateMemory
  tallies: RateTally[]
}

/** What one look at a limit found. */
export interface LimitUse {
  unit: LimitedUnit
  /** Units per second that may be used now. */
  rate: number
  /** Since the beginning. */
  used: number
  waitedMs: number
}

/** Readers that waited for less than this part of the time get about what they want. */
const throttledShare = 0.1
const lookIntervalMs = 1_000

export class LimitedSource {
  readonly #plan: Plan
  readonly #clock: Clock
  readonly #limited = new Map<LimitedUnit, Limited>()
  #throttledBy: LimitedUnit | null = null

  constructor(plan: Plan, rates: SourceRates, clock: Clock) {
    this.#plan = plan
    this.#clock = clock
    const { limits } = plan.source
    if (limits === undefined) return
    const inForce = limitsAt(limits, clock.nowMs())
    for (const unit of limitedUnits) {
      if (inForce[unit] === null) continue
      const memory = rates.of(plan, unit)
      const tallies = Array.from({ length: plan.worker.lanes }, () => new RateTally())
      this.#limited.set(unit, { rate: new LeasedRate(memory, clock), memory, tallies })
    }
  }

  /** What keeps the readers back most; null when they get about what they can use. */
  get throttledBy(): LimitedUnit | null {
    return this.#throttledBy
  }

  /** What a lane needs to keep to the limits; null when there are none. */
  paceOf(lane: number): PaceData | null {
    if (this.#limited.size === 0) return null
    const rates: PaceData['rates'] = {}
    for (const [unit, { memory, tallies }] of this.#limited)
      rates[unit] = { memory, tally: tallies[lane]!.memory }
    return { rates, weight: leaseWeights[this.#plan.priority] }
  }

  use(): LimitUse[] {
    return [...this.#limited].map(([unit, { rate, tallies }]) => ({
      unit,
      rate: rate.rate,
      used: sum(tallies.map(({ used }) => used)),
      waitedMs: sum(tallies.map(({ waitedMs }) => waitedMs)),
    }))
  }

  /** Gives the readers all that the limits allow, as they hold at each time, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#limited.size === 0) return
    let before = this.use()
    while (!signal.aborted) {
      this.#setRates(limitsAt(this.#plan.source.limits!, this.#clock.nowMs()))
      const sinceMs = this.#clock.monotonicMs()
      await this.#clock.sleep(lookIntervalMs, signal)
      const now = this.use()
      this.#throttledBy = throttling(before, now, this.#clock.monotonicMs() - sinceMs)
      before = now
    }
  }

  #setRates(inForce: Rates): void {
    for (const [unit, { rate }] of this.#limited) {
      const limit = inForce[unit]!
      if (rate.rate === limit) continue
      const lease = { number: rate.using + 1, rate: limit, forMs: Infinity, floor: limit }
      rate.grant(lease, this.#clock.monotonicMs())
    }
  }
}

/** The unit for which readers waited longest meanwhile, if that was long. */
function throttling(
  before: readonly LimitUse[],
  now: readonly LimitUse[],
  duringMs: number,
): LimitedUnit | null {
  const waits = now.map(({ unit, waitedMs }, index) => ({
    unit,
    share: (waitedMs - before[index]!.waitedMs) / duringMs,
  }))
  const most = waits.toSorted((a, b) => b.share - a.share)[0]
  return most !== undefined && most.share >= throttledShare ? most.unit : null
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
