// Merges the log records of a file slice and decides, row by row of the base file, which version of a key is
// the table's. The rules are those of Hudi's event-time and commit-time merge modes, in the same two steps: log
// records among themselves first, then the survivor against the base row (BufferedRecordMergerFactory).
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { invariant } from '#common/errors.ts'
import { KeyIndex } from './key-index.ts'

/** event: the greater ordering value wins, the later record on a tie. commit: the later record wins. */
export type MergeMode = 'event' | 'commit'

/** What two records of a key are compared by; null: less than all. Of one table all are of one type. */
export type Ordering = bigint | number | string | null

/** Records of one data block. */
export interface LogRows {
  /** Names the block to the caller. */
  source: number
  keys: BinaryVector
  orderings: readonly Ordering[] | null
  /** Whether the row is a delete (`_hoodie_is_deleted`). */
  isDeleted: ((row: number) => boolean) | null
}

/** A delete whose ordering is this applies whatever the row's ordering is (Spark's DELETE writes zero). */
export const alwaysDeletes = Symbol('always')

const deleted = -1
const kept = -2

/** What becomes of rows of a base file. */
export interface Replacements {
  /** Per row: `kept`, `deleted`, or the block whose record takes its place. */
  sources: Int32Array
  /** Per row that is replaced: the row in that block. */
  rows: Int32Array
}

export class LogMerge {
  static readonly kept = kept
  static readonly deleted = deleted

  readonly #mode: MergeMode
  readonly #index = new KeyIndex()
  /** Per key: the block of its newest record, or `deleted`. */
  readonly #sources: number[] = []
  readonly #rows: number[] = []
  readonly #orderings: (Ordering | typeof alwaysDeletes)[] = []
  /** Per key: whether the log record is done with: a base row beat it, or it took that row's place. */
  readonly #settled: boolean[] = []

  constructor(mode: MergeMode) {
    this.#mode = mode
  }

  get size(): number {
    return this.#sources.length
  }

  addRows(rows: LogRows): void {
    for (let row = 0; row < rows.keys.length; row++) {
      const ordering = rows.orderings === null ? null : rows.orderings[row]!
      const source = rows.isDeleted?.(row) ? deleted : rows.source
      this.#add(rows.keys, row, { source, ordering })
    }
  }

  addDeletes(keys: BinaryVector, orderings: readonly (Ordering | typeof alwaysDeletes)[]): void {
    for (let row = 0; row < keys.length; row++)
      this.#add(keys, row, { source: deleted, ordering: orderings[row]! })
  }

  #add(
    keys: BinaryVector,
    row: number,
    record: { source: number; ordering: Ordering | typeof alwaysDeletes },
  ): void {
    const { source, ordering } = record
    const entry = this.#index.add(keys, row)
    if (entry < this.#sources.length && !this.#wins(ordering, this.#orderings[entry]!)) return
    this.#sources[entry] = source
    this.#rows[entry] = row
    this.#orderings[entry] = ordering
  }

  /** Whether a record takes the place of an earlier one. */
  #wins(later: Ordering | typeof alwaysDeletes, earlier: Ordering | typeof alwaysDeletes): boolean {
    if (this.#mode === 'commit' || later === alwaysDeletes || earlier === alwaysDeletes || earlier === null)
      return true
    return later !== null && later >= earlier
  }

  /** Rows of the base file that the log leaves as they are. Asked once for each row of the base file. */
  survivors(keys: BinaryVector, orderings: readonly Ordering[] | null): Int32Array {
    const rows = new Int32Array(keys.length)
    let count = 0
    for (let row = 0; row < keys.length; row++) {
      const entry = this.#index.find(keys, row)
      if (entry !== -1) {
        if (this.#wins(this.#orderings[entry]!, orderings === null ? null : orderings[row]!)) continue
        this.#settled[entry] = true
      }
      rows[count++] = row
    }
    return rows.subarray(0, count)
  }

  /**
   * What becomes of rows of the base file, for who puts log records where the rows they replace were. Asked once for
   * each row, instead of survivors(); winners() are then the records that replace none.
   */
  replacements(keys: BinaryVector, orderings: readonly Ordering[] | null): Replacements {
    const sources = new Int32Array(keys.length).fill(kept)
    const rows = new Int32Array(keys.length)
    for (let row = 0; row < keys.length; row++) {
      const entry = this.#index.find(keys, row)
      if (entry === -1) continue
      if (this.#wins(this.#orderings[entry]!, orderings === null ? null : orderings[row]!)) {
        sources[row] = this.#sources[entry]!
        rows[row] = this.#rows[entry]!
      }
      this.#settled[entry] = true
    }
    return { sources, rows }
  }

  /** Per block, in order of first use: its rows that are part of the table. To be asked after all base rows. */
  winners(): Map<number, Int32Array> {
    const counts = new Map<number, number>()
    for (const [entry, source] of this.#sources.entries())
      if (source !== deleted && !this.#settled[entry]) counts.set(source, (counts.get(source) ?? 0) + 1)
    const rows = new Map([...counts].map(([source, count]) => [source, new Int32Array(count)]))
    const ends = new Map<number, number>()
    for (const [entry, source] of this.#sources.entries()) {
      if (source === deleted || this.#settled[entry]) continue
      const end = ends.get(source) ?? 0
      rows.get(source)![end] = this.#rows[entry]!
      ends.set(source, end + 1)
    }
    for (const list of rows.values()) list.sort()
    return rows
  }
}

/** The ordering values of a column. */
export function orderingsOf(vector: ColumnVector): Ordering[] {
  const orderings: Ordering[] = Array.from({ length: vector.length }, () => null)
  for (let row = 0; row < vector.length; row++) {
    if (isNull(vector, row)) continue
    if (vector.layout === 'int64' || vector.layout === 'int32') orderings[row] = BigInt(vector.values[row]!)
    else if (vector.layout === 'float64' || vector.layout === 'float32') orderings[row] = vector.values[row]!
    else {
      invariant(vector.layout === 'binary', 'An ordering column is a number or text')
      orderings[row] = Buffer.from(
        vector.data.subarray(vector.offsets[row], vector.offsets[row + 1]),
      ).toString()
    }
  }
  return orderings
}
