// Merges the log records of a file slice and decides, row by row of the base file, which version of a key is
// the table's. The rules are those of Hudi's event-time and commit-time merge modes, in the same two steps: log
// records among themselves first, then the survivor against the base row (BufferedRecordMergerFactory).
//
// Keys, ordering values and places of the newest records are held, no rows. When even these are more than the memory
// allowed, a merge goes on with the keys of one part only, by their hash, and says which parts it left to others.
import type { BinaryVector } from '#catalog/column.ts'
import { KeyIndex, keyHash } from './key-index.ts'
import type { DeleteOrdering, Ordering, Orderings } from './ordering.ts'
import { alwaysDeletes, OrderingList, orderingsOf } from './ordering.ts'

export { alwaysDeletes, orderingsOf }
export type { Ordering }

/** event: the greater ordering value wins, the later record on a tie. commit: the later record wins. */
export type MergeMode = 'event' | 'commit'

/** Records of one data block. */
export interface LogRows {
  /** Names the block to the caller. */
  source: number
  keys: BinaryVector
  orderings: Orderings | null
  /** Whether the row is a delete (`_hoodie_is_deleted`). */
  isDeleted: ((row: number) => boolean) | null
}

/** The keys whose hash begins with these bits. */
export interface KeyPart {
  bits: number
  value: number
}

export const allKeys: KeyPart = { bits: 0, value: 0 }
/** More parts would each read the files again for next to nothing. */
const partBitsMax = 12

export interface MergeBounds {
  /** Of all keys, those to merge; of others nothing is known. */
  part: KeyPart
  /** The part is halved rather than that more is held, again and again. */
  memoryBytesMax: number
}

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
  readonly #memoryBytesMax: number
  #part: KeyPart
  readonly #leftOut: KeyPart[] = []
  #index = new KeyIndex()
  /** Per key: the block of its newest record, or `deleted`, and the row in that block. */
  #sources = new Int32Array(32)
  #rows = new Int32Array(32)
  #orderings = new OrderingList()
  /** Per key: whether the log record is done with: a base row beat it, or it took that row's place. */
  #settled = new Uint8Array(32)

  constructor(
    mode: MergeMode,
    { part, memoryBytesMax }: MergeBounds = { part: allKeys, memoryBytesMax: Infinity },
  ) {
    this.#mode = mode
    this.#part = part
    this.#memoryBytesMax = memoryBytesMax
  }

  get size(): number {
    return this.#index.size
  }

  /** The keys that have been merged. */
  get part(): KeyPart {
    return this.#part
  }

  /** The keys that were to be merged and are left for other merges: there was no memory for them. */
  get leftOut(): readonly KeyPart[] {
    return this.#leftOut
  }

  /** Memory that is held. */
  get bytes(): number {
    return this.#index.bytes + this.#sources.byteLength * 2 + this.#settled.length + this.#orderings.bytes
  }

  addRows({ source, keys, orderings, isDeleted }: LogRows): void {
    for (let row = 0; row < keys.length; row++) {
      const ordering = orderings === null ? null : orderings.at(row)!
      this.#add(keys, row, { source: isDeleted?.(row) ? deleted : source, ordering })
    }
  }

  addDeletes(keys: BinaryVector, orderings: readonly DeleteOrdering[] | Orderings<DeleteOrdering>): void {
    for (let row = 0; row < keys.length; row++)
      this.#add(keys, row, { source: deleted, ordering: orderings.at(row)! })
  }

  #add(keys: BinaryVector, row: number, record: { source: number; ordering: DeleteOrdering }): void {
    const { source, ordering } = record
    const hash = keyHash(keys, row)
    if (!isIn(this.#part, hash)) return
    const known = this.#index.size
    const entry = this.#index.add(keys, row, hash)
    if (entry < known && !this.#wins(ordering, this.#orderings.get(entry))) return
    if (entry >= this.#sources.length) this.#grow()
    this.#sources[entry] = source
    this.#rows[entry] = row
    this.#orderings.set(entry, ordering)
    if (entry === known && (known & 1023) === 0 && this.bytes > this.#memoryBytesMax) this.#halve()
  }

  /** Whether a record takes the place of an earlier one. */
  #wins(later: DeleteOrdering, earlier: DeleteOrdering): boolean {
    if (this.#mode === 'commit' || later === alwaysDeletes || earlier === alwaysDeletes || earlier === null)
      return true
    return later !== null && later >= earlier
  }

  #grow(): void {
    const capacity = this.#sources.length * 2
    const sources = new Int32Array(capacity)
    sources.set(this.#sources)
    const rows = new Int32Array(capacity)
    rows.set(this.#rows)
    const settled = new Uint8Array(capacity)
    settled.set(this.#settled)
    this.#sources = sources
    this.#rows = rows
    this.#settled = settled
  }

  /** Forgets the keys of one half of the part. */
  #halve(): void {
    const bits = this.#part.bits + 1
    if (bits > partBitsMax) return
    const value = this.#part.value * 2
    this.#part = { bits, value }
    this.#leftOut.push({ bits, value: value + 1 })
    const entries = Int32Array.from({ length: this.#index.size }, (_, entry) => entry).filter(entry =>
      isIn(this.#part, this.#index.hashOf(entry)),
    )
    this.#index = this.#index.only(entries)
    const { length } = this.#sources
    const orderings = new OrderingList()
    const sources = new Int32Array(length)
    const rows = new Int32Array(length)
    for (const [entry, before] of entries.entries()) {
      sources[entry] = this.#sources[before]!
      rows[entry] = this.#rows[before]!
      orderings.set(entry, this.#orderings.get(before))
    }
    this.#sources = sources
    this.#rows = rows
    this.#orderings = orderings
  }

  /** Rows of the base file that the log leaves as they are. Asked once for each row of the base file. */
  survivors(keys: BinaryVector, orderings: Orderings | null): Int32Array {
    const rows = new Int32Array(keys.length)
    let count = 0
    for (let row = 0; row < keys.length; row++) if (!this.#replaces(keys, row, orderings)) rows[count++] = row
    return rows.subarray(0, count)
  }

  /** As survivors(): marks the rows of the base file that do not survive, bit `firstRow` being the first of these. */
  markReplaced(
    keys: BinaryVector,
    orderings: Orderings | null,
    into: { bits: Uint8Array; firstRow: number },
  ): void {
    const { bits, firstRow } = into
    for (let row = 0; row < keys.length; row++)
      if (this.#replaces(keys, row, orderings)) bits[(firstRow + row) >> 3]! |= 1 << ((firstRow + row) & 7)
  }

  #replaces(keys: BinaryVector, row: number, orderings: Orderings | null): boolean {
    const entry = this.#index.find(keys, row)
    if (entry === -1) return false
    if (this.#wins(this.#orderings.get(entry), orderings === null ? null : orderings.at(row)!)) return true
    this.#settled[entry] = 1
    return false
  }

  /**
   * What becomes of rows of the base file, for who puts log records where the rows they replace were. Asked once for
   * each row, instead of survivors(); winners() are then the records that replace none.
   */
  replacements(keys: BinaryVector, orderings: Orderings | null): Replacements {
    const sources = new Int32Array(keys.length).fill(kept)
    const rows = new Int32Array(keys.length)
    for (let row = 0; row < keys.length; row++) {
      const entry = this.#index.find(keys, row)
      if (entry === -1) continue
      if (this.#wins(this.#orderings.get(entry), orderings === null ? null : orderings.at(row)!)) {
        sources[row] = this.#sources[entry]!
        rows[row] = this.#rows[entry]!
      }
      this.#settled[entry] = 1
    }
    return { sources, rows }
  }

  /** Per block, in order of first use: its rows that are part of the table. To be asked after all base rows. */
  winners(): Map<number, Int32Array> {
    const counts = new Map<number, number>()
    const { size } = this.#index
    const isOut = (entry: number): boolean => this.#sources[entry] === deleted || this.#settled[entry] === 1
    for (let entry = 0; entry < size; entry++) {
      const source = this.#sources[entry]!
      if (!isOut(entry)) counts.set(source, (counts.get(source) ?? 0) + 1)
    }
    const rows = new Map([...counts].map(([source, count]) => [source, new Int32Array(count)]))
    const ends = new Map<number, number>()
    for (let entry = 0; entry < size; entry++) {
      if (isOut(entry)) continue
      const source = this.#sources[entry]!
      const end = ends.get(source) ?? 0
      rows.get(source)![end] = this.#rows[entry]!
      ends.set(source, end + 1)
    }
    for (const list of rows.values()) list.sort()
    return rows
  }
}

function isIn({ bits, value }: KeyPart, hash: number): boolean {
  return bits === 0 || hash >>> (32 - bits) === value
}
