// Parquet's PLAIN encoding of a vector's values; rows that are null take no bytes.
// See https://github.com/apache/parquet-format/blob/master/Encodings.md#PLAIN.
import type { ByteSink } from './byte-sink.ts'
import type { RowRange } from './row-range.ts'
import type { BinaryVector, BooleanVector, ColumnVector } from '#catalog/column.ts'
import { ByteCopier } from '#catalog/byte-copier.ts'
import { bitAt } from '#catalog/column.ts'

/** Values without nulls of every layout but bits and binary are their bytes: `width` a row. */
export interface FixedBytes {
  bytes: Uint8Array
  width: number
}

export function fixedBytes(vector: ColumnVector): FixedBytes | null {
  switch (vector.layout) {
    case 'fixed':
      return { bytes: vector.values, width: vector.width }
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64': {
      const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } = vector.values
      return { bytes: new Uint8Array(buffer, byteOffset, byteLength), width: BYTES_PER_ELEMENT }
    }
    default:
      return null
  }
}

export function writePlain(sink: ByteSink, vector: ColumnVector, range: RowRange): void {
  if (vector.layout === 'binary') return writeBinary(sink, vector, range)
  if (vector.layout === 'bits') return writeBits(sink, vector, range)
  const { bytes, width } = fixedBytes(vector)!
  const { validity } = vector
  if (validity === null) return sink.append(bytes.subarray(range.from * width, range.to * width))
  sink.reserve((range.to - range.from) * width)
  const out = sink.bytes
  let at = sink.at
  for (let row = range.from; row < range.to; row++) {
    if (!bitAt(validity, row)) continue
    for (let from = row * width, end = from + width; from < end; from++) out[at++] = bytes[from]!
  }
  sink.at = at
}

function writeBinary(sink: ByteSink, vector: BinaryVector, range: RowRange): void {
  const { offsets, data, validity } = vector
  const { from, to } = range
  sink.reserve(offsets[to]! - offsets[from]! + (to - from) * 4)
  const out = sink.bytes
  const copier = new ByteCopier(data, out)
  let at = sink.at
  for (let row = from; row < to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    const start = offsets[row]!
    const end = offsets[row + 1]!
    const size = end - start
    out[at] = size
    out[at + 1] = size >>> 8
    out[at + 2] = size >>> 16
    out[at + 3] = size >>> 24
    at += 4
    copier.copy(start, end, at)
    at += size
  }
  sink.at = at
}

function writeBits(sink: ByteSink, vector: BooleanVector, range: RowRange): void {
  const { values, validity } = vector
  sink.reserve(((range.to - range.from) >> 3) + 1)
  let held = 0
  let bits = 0
  for (let row = range.from; row < range.to; row++) {
    if (validity !== null && !bitAt(validity, row)) continue
    if (bitAt(values, row)) held |= 1 << bits
    if (++bits < 8) continue
    sink.bytes[sink.at++] = held
    held = 0
    bits = 0
  }
  if (bits > 0) sink.bytes[sink.at++] = held
}
