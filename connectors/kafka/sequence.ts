// The sequence of a record: strictly increasing within a partition, and by time across partitions, so that a key
// that moves to another partition when their number is raised still has its newest change win
// (docs/decisions/0003-kafka-sequence.md).
//
//   sequence = max(last sequence + 1, timestamp << 20), timestamp in [0, 2^42) ms
//
// It has 62 bits and is made for every row, so it is kept as two 32-bit halves and never as a BigInt.
import type { Int64Builder } from '#catalog/column-builder.ts'

const timestampMax = 2 ** 42 - 1

export class SequenceCounter {
  #high: number
  #low: number

  constructor(last: bigint) {
    this.#high = Number(last >> 32n)
    this.#low = Number(last & 0xffff_ffffn)
  }

  /** The last sequence given out. */
  get last(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low)
  }

  /** Appends the sequence of the next record. */
  append(timestampMs: number, to: Int64Builder): void {
    const timestamp = timestampMs < 0 ? 0 : timestampMs > timestampMax ? timestampMax : timestampMs
    const high = Math.floor(timestamp / 4096)
    const low = (timestamp % 4096) * 0x10_0000
    if (high > this.#high || (high === this.#high && low > this.#low)) {
      this.#high = high
      this.#low = low
    } else if (this.#low === 0xffff_ffff) {
      this.#high++
      this.#low = 0
    } else this.#low++
    to.appendHalves(this.#high, this.#low | 0)
  }
}
