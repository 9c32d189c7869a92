// Column vectors and batches from plain values, for tests of the lake.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { Operation } from '#catalog/change-batch.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import {
  BinaryBuilder,
  BooleanBuilder,
  columnBuilder,
  DecimalBuilder,
  Float32Builder,
  Float64Builder,
  Int32Builder,
  Int64Builder,
  ListBuilder,
  StructBuilder,
} from '#catalog/column-builder.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import type { ColumnType, TableSchema } from '#catalog/types.ts'

/** Stands for a value the source left out because it did not change. */
export const unchanged = Symbol('unchanged')

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | typeof unchanged
  | readonly Value[]

/** Decimals are given unscaled, timestamps in microseconds, dates in days, structs by the order of their fields. */
export function vectorOf(type: ColumnType, values: readonly Value[]): ColumnVector {
  const builder = columnBuilder(type)
  for (const value of values) append(builder, value)
  return builder.finish()
}

function append(builder: ColumnBuilder, value: Value): void {
  if (value === null) builder.appendNull()
  else if (value === unchanged) builder.appendUnchanged()
  else if (builder instanceof BooleanBuilder) builder.append(value as boolean)
  else if (builder instanceof Int32Builder) builder.append(Number(value))
  else if (builder instanceof Float32Builder || builder instanceof Float64Builder)
    builder.append(Number(value))
  else if (builder instanceof Int64Builder || builder instanceof DecimalBuilder)
    builder.append(BigInt(value as bigint))
  else if (builder instanceof BinaryBuilder) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array)
    builder.appendBytes(bytes, 0, bytes.length)
  } else appendNested(builder, value as readonly Value[])
}

/** Fields of a struct that are not given are null. */
function appendNested(builder: ColumnBuilder, values: readonly Value[]): void {
  if (builder instanceof ListBuilder) {
    for (const element of values) append(builder.child, element)
    builder.closeRow()
  } else if (builder instanceof StructBuilder) {
    for (const [at, child] of builder.children.entries()) append(child, values[at] ?? null)
    builder.closeRow()
  }
}

export interface RowChange {
  op?: keyof typeof Operation
  seq: number | bigint
  row: Readonly<Record<string, Value>>
}

export function batchOf(schema: TableSchema, changes: readonly RowChange[]): ChangeBatch {
  const plain = changes.every(change => change.op === undefined)
  return {
    schema,
    length: changes.length,
    columns: schema.columns.map(column =>
      vectorOf(
        column.type,
        changes.map(change => change.row[column.name] ?? null),
      ),
    ),
    operations: plain ? null : Uint8Array.from(changes, change => Operation[change.op ?? 'insert']),
    sequences: BigInt64Array.from(changes, change => BigInt(change.seq)),
  }
}

/** The value at a row: bigint for int64, timestamps and unscaled decimals, text for strings, hex for bytes. */
export function valueAt(vector: ColumnVector, row: number): unknown {
  if (isNull(vector, row)) return null
  switch (vector.layout) {
    case 'bits':
      return bitAt(vector.values, row)
    case 'fixed': {
      const bytes = vector.values.subarray(row * vector.width, (row + 1) * vector.width)
      return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
    }
    case 'binary': {
      const bytes = Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1]))
      return bytes.toString(vector.type.kind === 'bytes' ? 'hex' : 'utf8')
    }
    case 'list': {
      const { child, offsets } = vector
      const size = offsets[row + 1]! - offsets[row]!
      return Array.from({ length: size }, (_, index) => valueAt(child, offsets[row]! + index))
    }
    case 'struct':
      return vector.children.map(child => valueAt(child, row))
    default:
      return vector.values[row]
  }
}

export function valuesOf(vector: ColumnVector): unknown[] {
  return Array.from({ length: vector.length }, (_, row) => valueAt(vector, row))
}
