// Parquet's own numbers, and how our column types stand in its schema.
// See https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
//
// Decimals are FIXED_LEN_BYTE_ARRAY whatever their precision: readers take INT32 and INT64 decimals as well, but
// a Spark writer that rewrites such a file multiplies the values by 10^scale. Lists have three levels with the
// names `list` and `element`, the only form that can hold null elements. The entries of a map are called `key_value`:
// under another name a Spark writer that rewrites the file makes all maps null.
import type { ThriftWriter } from './thrift.ts'
import type { ColumnType } from '#catalog/types.ts'
import { decimalWidth } from '#catalog/types.ts'
import { invariant } from '#common/errors.ts'

export const PhysicalType = {
  boolean: 0,
  int32: 1,
  int64: 2,
  float: 4,
  double: 5,
  byteArray: 6,
  fixedLenByteArray: 7,
} as const

export const Encoding = { plain: 0, rle: 3, rleDictionary: 8 } as const
export const PageType = { data: 0, dictionary: 2 } as const
export const Repetition = { required: 0, optional: 1, repeated: 2 } as const
/** zstdSmall: zstd as well, packed with more effort, for what is written once and seldom read. */
export const Codec = { uncompressed: 0, snappy: 1, zstd: 6, zstdSmall: 6 } as const
export type Compression = keyof typeof Codec

const ConvertedType = { utf8: 0, map: 1, list: 3, decimal: 5, date: 6, timestampMicros: 10 } as const
/** Field ids of the LogicalType union. */
const LogicalType = { string: 1, map: 2, list: 3, decimal: 5, date: 6, timestamp: 8 } as const

/** One element of the flattened schema tree. */
export interface SchemaElement {
  name: string
  repetition: number
  /** Null: a group without a meaning of its own. */
  type: ColumnType | null
  children: number
}

export function physicalTypeOf(type: ColumnType): number {
  switch (type.kind) {
    case 'boolean':
      return PhysicalType.boolean
    case 'int32':
    case 'date':
      return PhysicalType.int32
    case 'int64':
    case 'timestamp':
      return PhysicalType.int64
    case 'float32':
      return PhysicalType.float
    case 'float64':
      return PhysicalType.double
    case 'string':
    case 'bytes':
      return PhysicalType.byteArray
    case 'decimal':
      return PhysicalType.fixedLenByteArray
    case 'list':
    case 'map':
    case 'struct':
      invariant(false, 'Only leaves are stored')
  }
}

/** The elements of one column, depth first. */
export function schemaElements(name: string, type: ColumnType, nullable: boolean): SchemaElement[] {
  const repetition = nullable ? Repetition.optional : Repetition.required
  switch (type.kind) {
    case 'list':
      return [
        { name, repetition, type, children: 1 },
        { name: 'list', repetition: Repetition.repeated, type: null, children: 1 },
        ...schemaElements('element', type.element, true),
      ]
    case 'map':
      return [
        { name, repetition, type, children: 1 },
        { name: 'key_value', repetition: Repetition.repeated, type: null, children: 2 },
        ...schemaElements('key', { kind: 'string' }, false),
        ...schemaElements('value', type.value, true),
      ]
    case 'struct':
      return [
        { name, repetition, type: null, children: type.fields.length },
        ...type.fields.flatMap(field => schemaElements(field.name, field.type, true)),
      ]
    default:
      return [{ name, repetition, type, children: 0 }]
  }
}

/** A column of values alone, as every column is stored: by itself, or as a part of a nested one. */
export interface Leaf {
  path: readonly string[]
  type: ColumnType
}

/** The leaves of a column, in the order of the schema. */
export function leavesOf(name: string, type: ColumnType): Leaf[] {
  const below = (steps: readonly string[], inner: ColumnType): Leaf[] =>
    leavesOf(steps.at(-1)!, inner).map(leaf => ({
      path: [name, ...steps.slice(0, -1), ...leaf.path],
      type: leaf.type,
    }))
  switch (type.kind) {
    case 'list':
      return below(['list', 'element'], type.element)
    case 'map':
      return [
        ...below(['key_value', 'key'], { kind: 'string' }),
        ...below(['key_value', 'value'], type.value),
      ]
    case 'struct':
      return type.fields.flatMap(field => below([field.name], field.type))
    default:
      return [{ path: [name], type }]
  }
}

export function writeSchemaElement(thrift: ThriftWriter, element: SchemaElement): void {
  const { type } = element
  if (type !== null && element.children === 0) thrift.i32(1, physicalTypeOf(type))
  if (type?.kind === 'decimal') thrift.i32(2, decimalWidth(type.precision))
  thrift.i32(3, element.repetition)
  thrift.string(4, element.name)
  if (element.children > 0) thrift.i32(5, element.children)
  if (type !== null) writeLogicalType(thrift, type)
}

function writeLogicalType(thrift: ThriftWriter, type: ColumnType): void {
  switch (type.kind) {
    case 'list':
    case 'map':
      thrift.i32(6, ConvertedType[type.kind])
      thrift.structField(10, () => thrift.structField(LogicalType[type.kind], () => {}))
      return
    case 'string':
      thrift.i32(6, ConvertedType.utf8)
      thrift.structField(10, () => thrift.structField(LogicalType.string, () => {}))
      return
    case 'date':
      thrift.i32(6, ConvertedType.date)
      thrift.structField(10, () => thrift.structField(LogicalType.date, () => {}))
      return
    case 'timestamp':
      thrift.i32(6, ConvertedType.timestampMicros)
      thrift.structField(10, () =>
        thrift.structField(LogicalType.timestamp, () => {
          thrift.bool(1, true)
          thrift.structField(2, () => thrift.structField(2, () => {}))
        }),
      )
      return
    case 'decimal':
      thrift.i32(6, ConvertedType.decimal)
      thrift.i32(7, type.scale)
      thrift.i32(8, type.precision)
      thrift.structField(10, () =>
        thrift.structField(LogicalType.decimal, () => {
          thrift.i32(1, type.scale)
          thrift.i32(2, type.precision)
        }),
      )
      return
    default:
  }
}
