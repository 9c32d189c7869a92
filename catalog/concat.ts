// Joins batches of one table end to end, so that small chunks of several splits become one file instead of many.
import type { ChangeBatch } from './change-batch.ts'
import { Operation } from './change-batch.ts'
import type { BinaryVector, ColumnVector } from './column.ts'
import { bitAt } from './column.ts'

/** The rows of all batches in order. The batches share one schema; at least one is given. */
export function concatBatches(batches: readonly ChangeBatch[]): ChangeBatch {
  const first = batches[0]!
  if (batches.length === 1) return first
  const length = batches.reduce((sum, batch) => sum + batch.length, 0)
  const sequences = new BigInt64Array(length)
  const operations = batches.every(batch => batch.operations === null) ? null : new Uint8Array(length)
  let row = 0
  for (const batch of batches) {
    sequences.set(batch.sequences.subarray(0, batch.length), row)
    if (batch.operations) operations!.set(batch.operations.subarray(0, batch.length), row)
    else operations?.fill(Operation.insert, row, row + batch.length)
    row += batch.length
  }
  const columns = first.columns.map((_, index) => concatVectors(batches.map(batch => batch.columns[index]!)))
  return { schema: first.schema, length, columns, operations, sequences }
}

/** The values of all vectors in order. They share one type; at least one is given. */
export function concatVectors(vectors: readonly ColumnVector[]): ColumnVector {
  const first = vectors[0]!
  if (vectors.length === 1) return first
  const length = vectors.reduce((sum, vector) => sum + vector.length, 0)
  const head = {
    type: first.type,
    length,
    nullCount: vectors.reduce((sum, vector) => sum + vector.nullCount, 0),
    validity: joinBitmaps(vectors, 'validity', length),
    unchanged: joinBitmaps(vectors, 'unchanged', length),
  }
  switch (first.layout) {
    case 'bits':
      return { ...head, layout: 'bits', values: joinBits(vectors as (typeof first)[], length) }
    case 'int32':
      return {
        ...head,
        layout: 'int32',
        values: joinValues(vectors as (typeof first)[], new Int32Array(length), 1),
      }
    case 'int64':
      return {
        ...head,
        layout: 'int64',
        values: joinValues(vectors as (typeof first)[], new BigInt64Array(length), 1),
      }
    case 'float32':
      return {
        ...head,
        layout: 'float32',
        values: joinValues(vectors as (typeof first)[], new Float32Array(length), 1),
      }
    case 'float64':
      return {
        ...head,
        layout: 'float64',
        values: joinValues(vectors as (typeof first)[], new Float64Array(length), 1),
      }
    case 'fixed': {
      const values = joinValues(
        vectors as (typeof first)[],
        new Uint8Array(length * first.width),
        first.width,
      )
      return { ...head, layout: 'fixed', width: first.width, values }
    }
    case 'binary':
      return { ...head, layout: 'binary', ...joinBytes(vectors as (typeof first)[], length) }
    case 'list': {
      const parts = vectors as (typeof first)[]
      return {
        ...head,
        layout: 'list',
        offsets: joinOffsets(parts, length),
        child: concatVectors(parts.map(part => part.child)),
      }
    }
    case 'struct': {
      const parts = vectors as (typeof first)[]
      const children = first.children.map((_, at) => concatVectors(parts.map(part => part.children[at]!)))
      return { ...head, layout: 'struct', children }
    }
  }
}

type Numbers = Int32Array | BigInt64Array | Float32Array | Float64Array | Uint8Array

function joinValues<T extends Numbers>(
  parts: readonly { length: number; values: T }[],
  into: T,
  width: number,
): T {
  let at = 0
  for (const part of parts) {
    into.set(part.values.subarray(0, part.length * width) as never, at)
    at += part.length * width
  }
  return into
}

function joinBytes(parts: readonly BinaryVector[], length: number): Pick<BinaryVector, 'offsets' | 'data'> {
  const offsets = joinOffsets(parts, length)
  const data = Buffer.allocUnsafeSlow(offsets[length]!)
  let end = 0
  for (const part of parts) {
    const size = part.offsets[part.length]!
    data.set(part.data.subarray(0, size), end)
    end += size
  }
  return { offsets, data }
}

function joinOffsets(parts: readonly { length: number; offsets: Int32Array }[], length: number): Int32Array {
  const offsets = new Int32Array(length + 1)
  let row = 0
  let base = 0
  for (const part of parts) {
    for (let at = 1; at <= part.length; at++) offsets[row + at] = base + part.offsets[at]!
    row += part.length
    base += part.offsets[part.length]!
  }
  return offsets
}

function joinBits(parts: readonly { length: number; values: Uint8Array }[], length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3)
  let row = 0
  for (const part of parts) row = copyBits(part.values, part.length, bits, row)
  return bits
}

function joinBitmaps(
  vectors: readonly ColumnVector[],
  name: 'validity' | 'unchanged',
  length: number,
): Uint8Array | null {
  if (vectors.every(vector => vector[name] === null)) return null
  const bits = new Uint8Array((length + 7) >> 3)
  let row = 0
  for (const vector of vectors) {
    const bitmap = vector[name]
    if (bitmap !== null) row = copyBits(bitmap, vector.length, bits, row)
    else if (name === 'validity')
      for (const end = row + vector.length; row < end; row++) bits[row >> 3]! |= 1 << (row & 7)
    else row += vector.length
  }
  return bits
}

function copyBits(from: Uint8Array, length: number, to: Uint8Array, at: number): number {
  if ((at & 7) === 0 && (length & 7) === 0) to.set(from.subarray(0, length >> 3), at >> 3)
  else
    for (let row = 0; row < length; row++) if (bitAt(from, row)) to[(at + row) >> 3]! |= 1 << ((at + row) & 7)
  return at + length
}
