// Dictionary encoding: the distinct values once, a code per row. Worth its hashing only when few values repeat
// often, which a sample of the rows tells.
import { fixedBytes } from './plain.ts'
import type { RowRange } from './row-range.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt } from '#catalog/column.ts'

export interface Dictionary {
  /** Rows of the vector that hold the distinct values, in code order. */
  rows: Int32Array
  /** The code of each row of the range that has a value. */
  codes: Int32Array
}

const sampleRows = 256
/** A sample with more distinct values than this share is not worth a dictionary. */
const sampleDistinctShare = 0.3
const entriesMax = 1 << 16
const dictionaryBytesMax = 1 << 20

/** The bytes of a row's value; `width` 0: from the offsets. */
interface Values {
  data: Uint8Array
  offsets: Int32Array | null
  width: number
}

/** The dictionary of a range of rows, or null when the values repeat too little for one. */
export function dictionaryOf(vector: ColumnVector, range: RowRange): Dictionary | null {
  const values = valuesOf(vector)
  if (values === null || !looksRepetitive(values, vector.validity, range)) return null
  return build(values, vector.validity, range)
}

function valuesOf(vector: ColumnVector): Values | null {
  if (vector.layout === 'binary') return { data: vector.data, offsets: vector.offsets, width: 0 }
  const fixed = fixedBytes(vector)
  return fixed && { data: fixed.bytes, offsets: null, width: fixed.width }
}

function looksRepetitive(values: Values, validity: Uint8Array | null, range: RowRange): boolean {
  const step = Math.max(1, Math.floor((range.to - range.from) / sampleRows))
  const seen = new Set<number>()
  let sampled = 0
  for (let row = range.from; row < range.to; row += step) {
    if (validity !== null && !bitAt(validity, row)) continue
    sampled++
    const { data, offsets, width } = values
    const start = offsets === null ? row * width : offsets[row]!
    seen.add(hashOf(data, start, offsets === null ? start + width : offsets[row + 1]!))
  }
  return sampled >= 8 && seen.size <= sampled * sampleDistinctShare
}

function build(values: Values, validity: Uint8Array | null, range: RowRange): Dictionary | null {
  const { data, offsets, width } = values
  const codes = new Int32Array(range.to - range.from)
  const table = new CodeTable(data)
  let count = 0
  for (let row = range.from; row < range.to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    const start = offsets === null ? row * width : offsets[row]!
    const code = table.codeOf(row, start, offsets === null ? start + width : offsets[row + 1]!)
    if (code < 0) return null
    codes[count++] = code
  }
  return { rows: table.rows.subarray(0, table.size), codes: codes.subarray(0, count) }
}

/** Open addressing over byte ranges of one buffer. */
class CodeTable {
  size = 0
  rows = new Int32Array(256)
  readonly #data: Uint8Array
  #starts = new Int32Array(256)
  #ends = new Int32Array(256)
  #hashes = new Int32Array(256)
  /** Code + 1, or 0: free. At most half full. */
  #slots = new Int32Array(512)
  #bytes = 0

  constructor(data: Uint8Array) {
    this.#data = data
  }

  /** The code of data[start, end), a new one if it is new; −1 when the dictionary is full. */
  codeOf(row: number, start: number, end: number): number {
    const hash = hashOf(this.#data, start, end)
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let held = this.#slots[slot]!; held !== 0; held = this.#slots[slot]!) {
      if (this.#hashes[held - 1] === hash && this.#equal(held - 1, start, end)) return held - 1
      slot = (slot + 1) & mask
    }
    return this.#add(slot, hash, row, start, end)
  }

  #equal(code: number, start: number, end: number): boolean {
    const data = this.#data
    let at = this.#starts[code]!
    if (this.#ends[code]! - at !== end - start) return false
    for (let byte = start; byte < end; byte++, at++) if (data[at] !== data[byte]) return false
    return true
  }

  // oxlint-disable-next-line max-params -- private, called once, on the hot path
  #add(slot: number, hash: number, row: number, start: number, end: number): number {
    this.#bytes += end - start + 4
    if (this.size === entriesMax || this.#bytes > dictionaryBytesMax) return -1
    const code = this.size++
    if (code === this.rows.length) this.#grow()
    this.rows[code] = row
    this.#starts[code] = start
    this.#ends[code] = end
    this.#hashes[code] = hash
    this.#slots[slot] = code + 1
    if (this.size * 2 > this.#slots.length) this.#rehash()
    return code
  }

  #grow(): void {
    this.rows = doubled(this.rows)
    this.#starts = doubled(this.#starts)
    this.#ends = doubled(this.#ends)
    this.#hashes = doubled(this.#hashes)
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    const mask = this.#slots.length - 1
    for (let code = 0; code < this.size; code++) {
      let slot = this.#hashes[code]! & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = code + 1
    }
  }
}

function doubled(values: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(values.length * 2)
  grown.set(values)
  return grown
}

/** FNV-1a, finished so that its low bits depend on every byte. */
function hashOf(data: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ data[at]!, 0x01000193)
  return hash ^ (hash >>> 15)
}
