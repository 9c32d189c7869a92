// The pace of a lane's readers: portions small enough that a limit holds over seconds, of each kind of limit there is.
// Where only one is limited the other is told by what records were like so far.
import type { RateUnit } from '#api/source-limits.ts'
import { rateUnits } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import type { ReadPace, ReadPortion } from '#connectors/read-pace.ts'
import { LeasedRate } from './leased-rate.ts'
import type { RateMemory } from './rate-memory.ts'
import { RateTally } from './rate-memory.ts'

/** For each kind of limit there is, the rate and what the lane used of it. */
export interface PaceData {
  rates: Partial<Record<RateUnit, { memory: RateMemory; tally: SharedArrayBuffer }>>
  /** What queries in flight are limited by; left out: they are not. */
  turns?: { memory: RateMemory; tally: SharedArrayBuffer }
  /** What connections are limited by; left out: they are not. */
  connections?: { memory: RateMemory; tally: SharedArrayBuffer }
  /** As of a LeaseRequest: portions are as large for the job's weight. */
  weight: number
}

/** What a portion of a job of weight 1 is worth, at least: what came together while the reader was busy is added. */
const portionMs = 10
/** A record's size before any was read. */
const firstRecordBytes = 256
/** How much of what is known of sizes is kept with each portion. */
const memoryShare = 0.9

export class SourcePace implements ReadPace {
  readonly #rates: readonly { unit: RateUnit; rate: LeasedRate }[]
  readonly #leastMs: number
  #seenRecords = 1
  #seenBytes = firstRecordBytes

  constructor({ rates, weight }: PaceData, clock: Clock) {
    this.#rates = rateUnits.flatMap(unit => {
      const data = rates[unit]
      return data ? [{ unit, rate: new LeasedRate(data.memory, clock, new RateTally(data.tally)) }] : []
    })
    this.#leastMs = portionMs * weight
  }

  async next(signal: AbortSignal): Promise<ReadPortion> {
    const parts = { records: Infinity, bytes: Infinity }
    try {
      for (const { unit, rate } of this.#rates) parts[unit] = await rate.next(this.#leastMs, signal)
    } catch (error) {
      this.#spent(parts, { records: 0, bytes: 0 })
      throw error
    }
    const recordBytes = this.#seenBytes / this.#seenRecords
    return {
      records: Math.max(1, Math.floor(Math.min(parts.records, parts.bytes / recordBytes))),
      bytes: Math.max(1, Math.floor(Math.min(parts.bytes, parts.records * recordBytes))),
      spent: (records, bytes) => {
        this.#spent(parts, { records, bytes })
        if (records === 0) return
        this.#seenRecords = this.#seenRecords * memoryShare + records
        this.#seenBytes = this.#seenBytes * memoryShare + bytes
      },
    }
  }

  #spent(parts: Record<RateUnit, number>, used: Record<RateUnit, number>): void {
    for (const { unit, rate } of this.#rates) if (parts[unit] < Infinity) rate.spent(parts[unit], used[unit])
  }
}
