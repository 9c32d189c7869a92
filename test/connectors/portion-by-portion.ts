// A pace that hands out portions of one size, and keeps what readers say they took of each.
import type { ReadPace, ReadPortion } from '#connectors/read-pace.ts'

export class PortionByPortion implements ReadPace {
  readonly spent: { records: number; bytes: number }[] = []
  readonly #size: { records: number; bytes: number }
  /** Portions handed out. */
  given = 0

  constructor(size: { records?: number; bytes?: number }) {
    this.#size = { records: Infinity, bytes: Infinity, ...size }
  }

  async next(signal: AbortSignal): Promise<ReadPortion> {
    signal.throwIfAborted()
    this.given++
    return { ...this.#size, spent: (records, bytes) => void this.spent.push({ records, bytes }) }
  }
}

/** A pace that gives nothing. */
export const standstill: ReadPace = {
  next: signal =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
}
