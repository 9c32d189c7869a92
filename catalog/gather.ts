// Picks rows out of vectors: by bucket when a batch is spread over file groups, by merge result when a table is
// read. Copies values column by column; rows may repeat and come in any order.
import { ByteCopier } from './byte-copier.ts'
import type { ChangeBatch } from './change-batch.ts'
import type { BinaryVector, ColumnVector, ListVector } from './column.ts'
import { bitAt } from './column.ts'

/** vector[rows[0]], … vector[rows[count − 1]]. */
export function gather(vector: ColumnVector, rows: Int32Array, count: number): ColumnVector {
  const validity = vector.nullCount === 0 ? null : gatherBits(vector.validity, rows, count)
  const head = {
    type: vector.type,
    length: count,
    nullCount: validity === null ? 0 : zeroBits(validity, count),
    validity,
    unchanged: gatherBits(vector.unchanged, rows, count),
  }
  switch (vector.layout) {
    case 'bits':
      return { ...head, layout: 'bits', values: gatherBits(vector.values, rows, count)! }
    case 'int32':
      return { ...head, layout: 'int32', values: gatherInt32(vector.values, rows, count) }
    case 'float32': {
      const values = new Float32Array(count)
      for (let at = 0; at < count; at++) values[at] = vector.values[rows[at]!]!
      return { ...head, layout: 'float32', values }
    }
    case 'float64': {
      const values = new Float64Array(count)
      for (let at = 0; at < count; at++) values[at] = vector.values[rows[at]!]!
      return { ...head, layout: 'float64', values }
    }
    case 'int64':
      return { ...head, layout: 'int64', values: gatherInt64(vector.values, rows, count) }
    case 'fixed': {
      const values = gatherFixed(vector.values, vector.width, rows.subarray(0, count))
      return { ...head, layout: 'fixed', width: vector.width, values }
    }
    case 'binary':
      return { ...head, layout: 'binary', ...gatherBinary(vector, rows, count) }
    case 'list':
      return { ...head, layout: 'list', ...gatherList(vector, rows, count) }
    case 'struct': {
      const children = vector.children.map(child => gather(child, rows, count))
      return { ...head, layout: 'struct', children }
    }
  }
}

/** The batch's rows rows[0] … rows[count − 1], in that order. */
export function gatherBatch(batch: ChangeBatch, rows: Int32Array, count: number): ChangeBatch {
  let operations: Uint8Array | null = null
  if (batch.operations !== null) {
    operations = new Uint8Array(count)
    for (let at = 0; at < count; at++) operations[at] = batch.operations[rows[at]!]!
  }
  return {
    schema: batch.schema,
    length: count,
    columns: batch.columns.map(column => gather(column, rows, count)),
    operations,
    sequences: gatherInt64(batch.sequences, rows, count),
  }
}

function gatherInt32(from: Int32Array, rows: Int32Array, count: number): Int32Array {
  const values = new Int32Array(count)
  for (let at = 0; at < count; at++) values[at] = from[rows[at]!]!
  return values
}

/** Moved as 32-bit halves: reading an element would make a BigInt. */
function gatherInt64(from: BigInt64Array, rows: Int32Array, count: number): BigInt64Array {
  const values = new BigInt64Array(count)
  const source = new Int32Array(from.buffer, from.byteOffset, from.length * 2)
  const target = new Int32Array(values.buffer)
  for (let at = 0; at < count; at++) {
    const row = rows[at]!
    target[at * 2] = source[row * 2]!
    target[at * 2 + 1] = source[row * 2 + 1]!
  }
  return values
}

function gatherFixed(from: Uint8Array, width: number, rows: Int32Array): Uint8Array {
  const values = new Uint8Array(rows.length * width)
  let to = 0
  for (const row of rows)
    for (let at = row * width, end = at + width; at < end; at++) values[to++] = from[at]!
  return values
}

function gatherBinary(
  vector: BinaryVector,
  rows: Int32Array,
  count: number,
): Pick<BinaryVector, 'offsets' | 'data'> {
  const { offsets, data } = vector
  const ends = new Int32Array(count + 1)
  for (let at = 0, end = 0; at < count; at++) {
    const row = rows[at]!
    end += offsets[row + 1]! - offsets[row]!
    ends[at + 1] = end
  }
  const bytes = Buffer.allocUnsafeSlow(ends[count]!)
  const copier = new ByteCopier(data, bytes)
  for (let at = 0; at < count; at++) {
    const row = rows[at]!
    copier.copy(offsets[row]!, offsets[row + 1]!, ends[at]!)
  }
  return { offsets: ends, data: bytes }
}

function gatherList(
  vector: ListVector,
  rows: Int32Array,
  count: number,
): Pick<ListVector, 'offsets' | 'child'> {
  const offsets = new Int32Array(count + 1)
  for (let at = 0; at < count; at++) {
    const row = rows[at]!
    offsets[at + 1] = offsets[at]! + vector.offsets[row + 1]! - vector.offsets[row]!
  }
  const children = new Int32Array(offsets[count]!)
  for (let at = 0, to = 0; at < count; at++) {
    const end = vector.offsets[rows[at]! + 1]!
    for (let child = vector.offsets[rows[at]!]!; child < end; child++) children[to++] = child
  }
  return { offsets, child: gather(vector.child, children, children.length) }
}

function gatherBits(from: Uint8Array | null, rows: Int32Array, count: number): Uint8Array | null {
  if (from === null) return null
  const bits = new Uint8Array((count + 7) >> 3)
  for (let at = 0; at < count; at++) if (bitAt(from, rows[at]!)) bits[at >> 3]! |= 1 << (at & 7)
  return bits
}

function zeroBits(bits: Uint8Array, count: number): number {
  let zeros = 0
  for (let at = 0; at < count; at++) if (!bitAt(bits, at)) zeros++
  return zeros
}
