// Brings the columns of a batch into the order and the types the table stores: a batch may have been read
// under an older or narrower schema than the table has by now, or hold columns the policy ignores.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { ColumnVector, FixedVector, Int32Vector } from '#catalog/column.ts'
import { layoutOf } from '#catalog/column.ts'
import type { Column, ColumnType } from '#catalog/types.ts'
import { decimalWidth, elementOf, typesEqual } from '#catalog/types.ts'
import { invariant } from '#common/errors.ts'
import { avroName } from '#lake/avro/schema.ts'

/** One vector per stored column; a column the batch lacks is all null. */
export function projectColumns(batch: ChangeBatch, stored: readonly Column[]): ColumnVector[] {
  const byName = new Map<string, ColumnVector>()
  for (const [index, column] of batch.schema.columns.entries())
    byName.set(avroName(column.name).toLowerCase(), batch.columns[index]!)
  return stored.map(column => {
    const vector = byName.get(column.name.toLowerCase())
    return vector === undefined ? nullVector(column.type, batch.length) : widen(vector, column.type)
  })
}

/**
 * The vector with its values in a type they fit into (evolve.ts#fitsInto); fields of structs that the type lacks are
 * left out.
 */
export function widen(vector: ColumnVector, type: ColumnType): ColumnVector {
  return converted(vector, type, widened)
}

/** The vector in a type of the same shape, its fields by name; `leaf` converts what differs in the end. */
export function converted(
  vector: ColumnVector,
  type: ColumnType,
  leaf: (vector: ColumnVector, type: ColumnType) => ColumnVector,
): ColumnVector {
  if (typesEqual(vector.type, type)) return vector
  const from = vector.type
  if (vector.layout === 'list' && from.kind === type.kind && (type.kind === 'list' || type.kind === 'map'))
    return { ...vector, type, child: converted(vector.child, elementOf(type), leaf) }
  if (vector.layout !== 'struct' || from.kind !== 'struct' || type.kind !== 'struct')
    return leaf(vector, type)
  const children = type.fields.map(({ name, type: inner }) => {
    const at = from.fields.findIndex(field => avroName(field.name).toLowerCase() === name.toLowerCase())
    return at < 0 ? nullVector(inner, vector.length) : converted(vector.children[at]!, inner, leaf)
  })
  return { ...vector, type, children }
}

function widened(vector: ColumnVector, type: ColumnType): ColumnVector {
  if (vector.layout === 'int32' && type.kind === 'int64')
    return { ...vector, type, layout: 'int64', values: int64Values(vector) }
  if (vector.layout === 'int32' && type.kind === 'float64')
    return { ...vector, type, layout: 'float64', values: Float64Array.from(vector.values) }
  invariant(vector.layout === 'fixed' && type.kind === 'decimal', 'Values do not fit the type they must have')
  const width = decimalWidth(type.precision)
  return { ...vector, type, width, values: signExtended(vector, width) }
}

function int64Values({ values, length }: Int32Vector): BigInt64Array {
  const wide = new BigInt64Array(length)
  const words = new Int32Array(wide.buffer)
  for (let row = 0; row < length; row++) {
    const value = values[row]!
    words[row * 2] = value
    words[row * 2 + 1] = value >> 31
  }
  return wide
}

/** Big-endian two's complement, more bytes of sign in front. */
function signExtended({ values, width: narrow, length }: FixedVector, width: number): Uint8Array {
  if (width === narrow) return values
  const wide = new Uint8Array(length * width)
  for (let row = 0; row < length; row++) {
    const from = row * narrow
    const to = (row + 1) * width - narrow
    if (values[from]! >= 0x80) wide.fill(0xff, row * width, to)
    wide.set(values.subarray(from, from + narrow), to)
  }
  return wide
}

export function nullVector(type: ColumnType, rows: number): ColumnVector {
  const bitmap = (rows + 7) >> 3
  const head = { type, length: rows, nullCount: rows, validity: new Uint8Array(bitmap), unchanged: null }
  const layout = layoutOf(type)
  switch (layout) {
    case 'bits':
      return { ...head, layout, values: new Uint8Array(bitmap) }
    case 'int32':
      return { ...head, layout, values: new Int32Array(rows) }
    case 'int64':
      return { ...head, layout, values: new BigInt64Array(rows) }
    case 'float32':
      return { ...head, layout, values: new Float32Array(rows) }
    case 'float64':
      return { ...head, layout, values: new Float64Array(rows) }
    case 'fixed': {
      const width = type.kind === 'decimal' ? decimalWidth(type.precision) : 0
      return { ...head, layout, width, values: new Uint8Array(rows * width) }
    }
    case 'binary':
      return { ...head, layout, offsets: new Int32Array(rows + 1), data: new Uint8Array(0) }
    case 'list': {
      invariant(type.kind === 'list' || type.kind === 'map', 'Only lists and maps have the list layout')
      return { ...head, layout, offsets: new Int32Array(rows + 1), child: nullVector(elementOf(type), 0) }
    }
    case 'struct': {
      invariant(type.kind === 'struct', 'Only structs have the struct layout')
      return { ...head, layout, children: type.fields.map(field => nullVector(field.type, rows)) }
    }
  }
}
