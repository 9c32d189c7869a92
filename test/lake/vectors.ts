// Columns from plain values and back, and arbitrary columns of every type, for the tests of the lake's codecs.
import fc from 'fast-check'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
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
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import type { ColumnType } from '#catalog/types.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'

/**
 * int64 and timestamps are bigint, decimals the unscaled bigint, bytes hex text; structs their values in the order of
 * the fields, maps pairs of key and value.
 */
export type Value = boolean | number | bigint | string | null | readonly Value[]

export function vectorFrom(type: ColumnType, values: readonly Value[]): ColumnVector {
  const builder = columnBuilder(type)
  for (const value of values) append(builder, value)
  return builder.finish()
}

function append(builder: ColumnBuilder, value: Value): void {
  if (value === null) builder.appendNull()
  else if (builder instanceof BooleanBuilder) builder.append(value as boolean)
  else if (builder instanceof Int32Builder) builder.append(value as number)
  else if (builder instanceof Int64Builder) builder.append(value as bigint)
  else if (builder instanceof Float32Builder) builder.append(value as number)
  else if (builder instanceof Float64Builder) builder.append(value as number)
  else if (builder instanceof DecimalBuilder) builder.append(value as bigint)
  else if (builder instanceof BinaryBuilder && builder.type.kind === 'string')
    builder.appendString(value as string)
  else if (builder instanceof BinaryBuilder) {
    const bytes = Buffer.from(value as string, 'hex')
    builder.appendBytes(bytes, 0, bytes.length)
  } else if (builder instanceof ListBuilder) {
    for (const element of value as readonly Value[]) append(builder.child, element)
    builder.closeRow()
  } else if (builder instanceof StructBuilder) {
    for (const [at, child] of builder.children.entries()) append(child, (value as readonly Value[])[at]!)
    builder.closeRow()
  }
}

export function valuesOf(vector: ColumnVector): Value[] {
  return Array.from({ length: vector.length }, (_, row) => valueAt(vector, row))
}

export function valueAt(vector: ColumnVector, row: number): Value {
  if (isNull(vector, row)) return null
  switch (vector.layout) {
    case 'bits':
      return bitAt(vector.values, row)
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64':
      return vector.values[row]!
    case 'fixed': {
      const bytes = vector.values.subarray(row * vector.width, (row + 1) * vector.width)
      return BigInt.asIntN(vector.width * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
    }
    case 'binary': {
      const bytes = Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1]))
      return bytes.toString(vector.type.kind === 'string' ? 'utf8' : 'hex')
    }
    case 'list':
      return Array.from({ length: vector.offsets[row + 1]! - vector.offsets[row]! }, (_, at) =>
        valueAt(vector.child, vector.offsets[row]! + at),
      )
    case 'struct':
      return vector.children.map(child => valueAt(child, row))
  }
}

/** Name -> values, as tests compare them. */
export function tableOf(columns: readonly NamedVector[]): Record<string, Value[]> {
  return Object.fromEntries(columns.map(({ name, vector }) => [name, valuesOf(vector)]))
}

export const typeArbitrary: fc.Arbitrary<ColumnType> = fc.letrec<{ type: ColumnType }>(tie => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc
      .constantFrom(
        ...([
          'boolean',
          'int32',
          'int64',
          'float32',
          'float64',
          'string',
          'bytes',
          'date',
          'timestamp',
        ] as const),
      )
      .map((kind): ColumnType => ({ kind })),
    fc.integer({ min: 1, max: 38 }).chain(precision =>
      fc.record({
        kind: fc.constant('decimal' as const),
        precision: fc.constant(precision),
        scale: fc.nat(precision),
      }),
    ),
    fc.record({ kind: fc.constant('list' as const), element: tie('type') }),
    fc.record({ kind: fc.constant('map' as const), value: tie('type') }),
    fc.array(tie('type'), { minLength: 1, maxLength: 4 }).map((inner): ColumnType => ({
      kind: 'struct',
      fields: inner.map((type, at) => ({ name: `f${at}`, type })),
    })),
  ),
})).type

export function valueArbitrary(type: ColumnType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean()
    case 'int32':
      return fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1))
    case 'int64':
      return fc.oneof(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n),
      )
    case 'float32':
      return fc.oneof(fc.float(), fc.constantFrom(Number.NaN, -0, Infinity, -Infinity))
    case 'float64':
      return fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, Infinity, -Infinity, 5e-324))
    case 'decimal': {
      const max = 10n ** BigInt(type.precision) - 1n
      return fc.oneof(fc.bigInt({ min: -max, max }), fc.constantFrom(-max, max, 0n, -1n))
    }
    case 'string':
      return fc.oneof(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.constantFrom('', '😀', '\0', 'a'.repeat(500), 'x', 'y'),
      )
    case 'bytes':
      return fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes).toString('hex'))
    case 'date':
      return fc.integer({ min: -719162, max: 2932896 })
    case 'timestamp':
      return fc.bigInt({ min: -62135596800000000n, max: 253402300799999999n })
    case 'list':
      return fc.array(nullable(valueArbitrary(type.element)), { maxLength: 4 })
    case 'map':
      return fc.uniqueArray(
        fc.tuple(
          fc.string({ maxLength: 6 }).map(text => `k${text}`),
          nullable(valueArbitrary(type.value)),
        ),
        {
          maxLength: 4,
          selector: ([key]) => key,
        },
      )
    case 'struct':
      return fc.tuple(...type.fields.map(field => nullable(valueArbitrary(field.type))))
  }
}

function nullable(value: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  return fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 4, arbitrary: value })
}

export interface TestColumn {
  name: string
  type: ColumnType
  values: readonly Value[]
}

/** Columns c0, c1 … of equally many rows; some without nulls, some that repeat few values. */
export const columnsArbitrary: fc.Arbitrary<TestColumn[]> = fc
  .tuple(fc.nat(70), fc.array(typeArbitrary, { minLength: 1, maxLength: 6 }))
  .chain(([rows, types]) => fc.tuple(...types.map((type, index) => columnArbitrary(`c${index}`, type, rows))))

function columnArbitrary(name: string, type: ColumnType, rows: number): fc.Arbitrary<TestColumn> {
  const exactly = { minLength: rows, maxLength: rows }
  const value = valueArbitrary(type)
  const few = fc
    .array(value, { minLength: 1, maxLength: 3 })
    .chain(some => fc.array(fc.constantFrom(...some), exactly))
  return fc
    .oneof(fc.array(nullable(value), exactly), fc.array(value, exactly), few)
    .map(values => ({ name, type, values }))
}

export function namedVectors(columns: readonly TestColumn[]): NamedVector[] {
  return columns.map(({ name, type, values }) => ({ name, vector: vectorFrom(type, values), nullable: true }))
}
