// Record keys of a batch, and the hash that chooses their bucket. A key of one column is its bare text, a key
// of several is `f1:v1,f2:v2` with placeholders for null and empty text (Hudi's complex key generator). The
// hash is Java's: List.hashCode over String.hashCode of the values, in UTF-16 units. Written straight into
// column buffers: no string is made for text and integer keys.
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { keyText } from './key-text.ts'

const nullPlaceholder = Buffer.from('__null__')
const emptyPlaceholder = Buffer.from('__empty__')

export interface RecordKeys {
  /** The `_hoodie_record_key` column. */
  keys: BinaryVector
  /** Java's hash of each key's values. */
  hashes: Int32Array
}

export interface KeyColumn {
  name: string
  vector: ColumnVector
}

export function recordKeys(columns: readonly KeyColumn[], rows: number): RecordKeys {
  const only = columns.length === 1 ? columns[0]!.vector : null
  if (only?.layout === 'binary' && only.type.kind === 'string' && !hasNullOrEmpty(only, rows)) {
    const hashes = new Int32Array(rows)
    for (let row = 0; row < rows; row++)
      hashes[row] = (31 + stringHash(only.data, only.offsets[row]!, only.offsets[row + 1]!)) | 0
    return { keys: { ...only, length: rows, unchanged: null }, hashes }
  }
  return writeKeys(columns, rows)
}

/** Java's String.hashCode of UTF-8 bytes: 31-polynomial over the UTF-16 units. */
export function stringHash(data: Uint8Array, start: number, end: number): number {
  let hash = 0
  for (let at = start; at < end;) {
    const lead = data[at]!
    if (lead < 0x80) {
      hash = (Math.imul(hash, 31) + lead) | 0
      at++
    } else if (lead < 0xe0) {
      hash = (Math.imul(hash, 31) + (((lead & 0x1f) << 6) | (data[at + 1]! & 0x3f))) | 0
      at += 2
    } else if (lead < 0xf0) {
      const unit = ((lead & 0x0f) << 12) | ((data[at + 1]! & 0x3f) << 6) | (data[at + 2]! & 0x3f)
      hash = (Math.imul(hash, 31) + unit) | 0
      at += 3
    } else {
      const point =
        ((lead & 0x07) << 18) |
        ((data[at + 1]! & 0x3f) << 12) |
        ((data[at + 2]! & 0x3f) << 6) |
        (data[at + 3]! & 0x3f)
      hash = (Math.imul(hash, 31) + (0xd800 + ((point - 0x10000) >> 10))) | 0
      hash = (Math.imul(hash, 31) + (0xdc00 + ((point - 0x10000) & 0x3ff))) | 0
      at += 4
    }
  }
  return hash
}

function hasNullOrEmpty(vector: BinaryVector, rows: number): boolean {
  if (vector.nullCount > 0) return true
  for (let row = 0; row < rows; row++) if (vector.offsets[row] === vector.offsets[row + 1]) return true
  return false
}

function writeKeys(columns: readonly KeyColumn[], rows: number): RecordKeys {
  const text = new TextBuffer(rows * 16 * columns.length)
  const offsets = new Int32Array(rows + 1)
  const hashes = new Int32Array(rows)
  const prefixes = columns.map((column, index) =>
    columns.length === 1 ? Buffer.alloc(0) : Buffer.from(`${index === 0 ? '' : ','}${column.name}:`),
  )
  for (let row = 0; row < rows; row++) {
    let hash = 1
    for (let index = 0; index < columns.length; index++) {
      const prefix = prefixes[index]!
      if (prefix.length > 0) text.bytes(prefix, 0, prefix.length)
      hash = (Math.imul(hash, 31) + writeValue(text, columns[index]!.vector, row)) | 0
    }
    hashes[row] = hash
    offsets[row + 1] = text.end
  }
  return { keys: text.column(offsets), hashes }
}

/** Appends one value's text; returns the hash of the value (a placeholder hashes as what it stands for). */
function writeValue(text: TextBuffer, vector: ColumnVector, row: number): number {
  if (isNull(vector, row)) {
    text.bytes(nullPlaceholder, 0, nullPlaceholder.length)
    return 0
  }
  const start = text.end
  if (vector.layout === 'int32' && vector.type.kind === 'int32') text.integer(vector.values[row]!)
  else if (vector.layout === 'int64') {
    const value = Number(vector.values[row])
    if (Number.isSafeInteger(value)) text.integer(value)
    else text.string(String(vector.values[row]))
  } else if (vector.layout === 'binary' && vector.type.kind === 'string')
    text.bytes(vector.data, vector.offsets[row]!, vector.offsets[row + 1]!)
  else text.string(keyText(vector, row))
  if (text.end === start) {
    text.bytes(emptyPlaceholder, 0, emptyPlaceholder.length)
    return 0
  }
  return stringHash(text.data, start, text.end)
}

/** Text that grows at its end. */
export class TextBuffer {
  data: Uint8Array
  end = 0

  constructor(bytes: number) {
    this.data = Buffer.allocUnsafeSlow(Math.max(bytes, 64))
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    for (let at = start; at < end; at++) this.data[this.end++] = source[at]!
  }

  string(value: string): void {
    this.bytes(Buffer.from(value), 0, Buffer.byteLength(value))
  }

  /** Decimal digits of a safe integer. */
  integer(value: number): void {
    this.#reserve(20)
    let rest = value
    if (rest < 0) {
      this.data[this.end++] = 0x2d
      rest = -rest
    }
    let size = 1
    for (let limit = 10; rest >= limit; limit *= 10) size++
    const start = this.end
    this.end += size
    for (let at = this.end - 1; rest > 0x7fffffff; at--, size--) {
      const quotient = Math.floor(rest / 10)
      this.data[at] = 0x30 + (rest - quotient * 10)
      rest = quotient
    }
    for (let at = start + size - 1; at >= start; at--) {
      const quotient = (rest / 10) | 0
      this.data[at] = 0x30 + (rest - quotient * 10)
      rest = quotient
    }
  }

  /** What was written, as strings of which each ends where the next offset says. */
  column(offsets: Int32Array): BinaryVector {
    return {
      layout: 'binary',
      type: { kind: 'string' },
      length: offsets.length - 1,
      nullCount: 0,
      validity: null,
      unchanged: null,
      offsets,
      data: this.data,
    }
  }

  #reserve(extra: number): void {
    if (this.end + extra <= this.data.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.data.length * 2, this.end + extra))
    grown.set(this.data.subarray(0, this.end))
    this.data = grown
  }
}
