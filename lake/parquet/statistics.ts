// Smallest and largest value of a column chunk, by which engines skip row groups. Left out where Parquet's order
// is treacherous (NaN) or the values are long.
import { fixedBytes } from './plain.ts'
import type { RowRange } from './row-range.ts'
import type { ThriftWriter } from './thrift.ts'
import type { BinaryVector, ColumnVector, FixedVector, Int64Vector } from '#catalog/column.ts'
import { bitAt } from '#catalog/column.ts'

export interface Statistics {
  nullCount: number
  /** PLAIN bytes, without a length; null: not known. */
  bounds: { min: Uint8Array; max: Uint8Array } | null
}

/** Longer bounds are not worth their place in the footer. */
const boundBytesMax = 64

type Rows = { min: number; max: number }

/** The bounds over a range of rows. */
export function boundsOf(vector: ColumnVector, range: RowRange): Statistics['bounds'] {
  switch (vector.layout) {
    case 'int32':
      return fixedBounds(vector, numberRows(vector.values, vector.validity, range))
    case 'int64':
      return fixedBounds(vector, int64Rows(vector, range))
    case 'fixed':
      return fixedBounds(vector, decimalRows(vector, range))
    case 'float32':
    case 'float64':
      return floatBounds(vector, range)
    case 'binary':
      return binaryBounds(vector, range)
    default:
      return null
  }
}

export function writeStatistics(thrift: ThriftWriter, statistics: Statistics): void {
  thrift.i64(3, statistics.nullCount)
  if (statistics.bounds === null) return
  thrift.binary(5, statistics.bounds.max)
  thrift.binary(6, statistics.bounds.min)
}

function fixedBounds(vector: ColumnVector, rows: Rows | null): Statistics['bounds'] {
  if (rows === null) return null
  const { bytes, width } = fixedBytes(vector)!
  const valueAt = (row: number): Uint8Array => bytes.slice(row * width, (row + 1) * width)
  return { min: valueAt(rows.min), max: valueAt(rows.max) }
}

function firstPresent(validity: Uint8Array | null, range: RowRange): number {
  let row = range.from
  while (row < range.to && validity !== null && !bitAt(validity, row)) row++
  return row
}

function numberRows(
  values: Int32Array | Float32Array | Float64Array,
  validity: Uint8Array | null,
  range: RowRange,
): Rows | null {
  const first = firstPresent(validity, range)
  if (first === range.to) return null
  let min = first
  let max = first
  for (let row = first; row < range.to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    const value = values[row]!
    if (value < values[min]!) min = row
    if (value > values[max]!) max = row
  }
  return { min, max }
}

/** Compared as 32-bit halves: reading a BigInt per row would make one. */
function int64Rows(vector: Int64Vector, range: RowRange): Rows | null {
  const { values, validity } = vector
  const first = firstPresent(validity, range)
  if (first === range.to) return null
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  const less = (a: number, b: number): boolean => {
    const high = words[a * 2 + 1]! - words[b * 2 + 1]!
    return high !== 0 ? high < 0 : words[a * 2]! >>> 0 < words[b * 2]! >>> 0
  }
  let min = first
  let max = first
  for (let row = first; row < range.to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    if (less(row, min)) min = row
    else if (less(max, row)) max = row
  }
  return { min, max }
}

function decimalRows(vector: FixedVector, range: RowRange): Rows | null {
  const { values, width, validity } = vector
  const first = firstPresent(validity, range)
  if (first === range.to) return null
  const less = (a: number, b: number): boolean => {
    let left = a * width
    let right = b * width
    const sign = ((values[left]! << 24) >> 24) - ((values[right]! << 24) >> 24)
    if (sign !== 0) return sign < 0
    for (const end = left + width; left < end; left++, right++)
      if (values[left] !== values[right]) return values[left]! < values[right]!
    return false
  }
  let min = first
  let max = first
  for (let row = first; row < range.to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    if (less(row, min)) min = row
    else if (less(max, row)) max = row
  }
  return { min, max }
}

/** NaN has no place in the order, and the two zeros are one value to it: then the bound is the outer zero. */
function floatBounds(
  vector: ColumnVector & { layout: 'float32' | 'float64' },
  range: RowRange,
): Statistics['bounds'] {
  const { values, validity } = vector
  for (let row = range.from; row < range.to; row++)
    if (Number.isNaN(values[row]!) && (validity === null || bitAt(validity, row))) return null
  const rows = numberRows(values, validity, range)
  if (rows === null) return null
  const bytesOf = (value: number): Uint8Array =>
    new Uint8Array((vector.layout === 'float32' ? Float32Array.of(value) : Float64Array.of(value)).buffer)
  const min = values[rows.min]!
  const max = values[rows.max]!
  return { min: bytesOf(min === 0 ? -0 : min), max: bytesOf(max === 0 ? 0 : max) }
}

function binaryBounds(vector: BinaryVector, range: RowRange): Statistics['bounds'] {
  const { data, offsets, validity } = vector
  const first = firstPresent(validity, range)
  if (first === range.to) return null
  // Where values are long as a rule, it is not worth a look whether the outer ones happen to be short.
  if (offsets[range.to]! - offsets[first]! > boundBytesMax * (range.to - first)) return null
  let min = first
  let max = first
  let minStart = startOf(vector, min)
  let maxStart = minStart
  for (let row = first + 1; row < range.to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    const start = startOf(vector, row)
    if (start > minStart && start < maxStart) continue
    // Larger first: keys that ascend then need one look.
    if (start >= maxStart && compare(vector, row, max) > 0) {
      max = row
      maxStart = start
    } else if (start <= minStart && compare(vector, row, min) < 0) {
      min = row
      minStart = start
    }
  }
  const bytesAt = (row: number): Uint8Array => data.slice(offsets[row]!, offsets[row + 1]!)
  const bounds = { min: bytesAt(min), max: bytesAt(max) }
  return bounds.min.length > boundBytesMax || bounds.max.length > boundBytesMax ? null : bounds
}

/** The first three bytes as a number that orders as they do; where there are fewer, zeros stand for the rest. */
function startOf({ data, offsets }: BinaryVector, row: number): number {
  const at = offsets[row]!
  const size = offsets[row + 1]! - at
  if (size >= 3) return (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!
  return size === 0 ? 0 : (data[at]! << 16) | (size === 2 ? data[at + 1]! << 8 : 0)
}

function compare(vector: BinaryVector, a: number, b: number): number {
  const { data, offsets } = vector
  let left = offsets[a]!
  let right = offsets[b]!
  const sizes = offsets[a + 1]! - left - (offsets[b + 1]! - right)
  for (
    const end = left + Math.min(offsets[a + 1]! - left, offsets[b + 1]! - right);
    left < end;
    left++, right++
  )
    if (data[left] !== data[right]) return data[left]! - data[right]!
  return sizes
}
