// Parquet files as another implementation (arrow-rs, built to WebAssembly) reads and writes them, to hold ours
// against.
import type { Data, Field } from 'apache-arrow'
import { tableFromIPC } from 'apache-arrow'
import { readParquet } from 'parquet-wasm'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { concatVectors } from '#catalog/concat.ts'
import type { ColumnVector } from '#catalog/column.ts'
import type { ColumnType } from '#catalog/types.ts'
import { decimalWidth } from '#catalog/types.ts'

/** The fields of Arrow's types that matter here, whichever of them a type has. */
interface ArrowType {
  typeId: number
  bitWidth?: number
  isSigned?: boolean
  precision?: number
  scale?: number
  unit?: number
  timezone?: string | null
  byteWidth?: number
}

/** Arrow's type ids (apache-arrow's `Type`). */
const Type = {
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  boolean: 6,
  decimal: 7,
  date: 8,
  timestamp: 10,
  list: 12,
  struct: 13,
  fixedSizeBinary: 15,
  map: 17,
} as const
const Precision = { single: 1, double: 2 } as const
const TimeUnit = { millisecond: 1, microsecond: 2 } as const
const DateUnit = { day: 0 } as const

type Head = Pick<ColumnVector, 'length' | 'nullCount' | 'validity' | 'unchanged'>

/** All rows of a file that has some. */
export function arrowColumns(bytes: Uint8Array): NamedVector[] {
  const table = readParquet(bytes, { batchSize: 1 << 24 })
  const { batches } = tableFromIPC(table.intoIPCStream())
  const { fields } = batches[0]!.schema
  return fields.map((field: Field, index) => ({
    name: field.name,
    vector: concatVectors(batches.map(batch => converted(field, batch.data.children[index]!))),
    nullable: field.nullable,
  }))
}

function converted(field: Field, data: Data): ColumnVector {
  const vector = convert(data)
  if (!vector) throw new Error(`no vector for ${String(field.type)}`)
  return vector
}

function convert(data: Data): ColumnVector | null {
  const type = data.type as unknown as ArrowType
  const head: Head = {
    length: data.length,
    nullCount: data.nullCount,
    validity: data.nullCount === 0 ? null : data.nullBitmap,
    unchanged: null,
  }
  switch (type.typeId) {
    case Type.boolean:
      return { ...head, layout: 'bits', type: { kind: 'boolean' }, values: data.values as Uint8Array }
    case Type.int:
      return integers(head, type, data.values as Int32Array)
    case Type.float:
      return floats(head, type, data.values as Float32Array | Float64Array)
    case Type.date:
      if (type.unit !== DateUnit.day) return null
      return { ...head, layout: 'int32', type: { kind: 'date' }, values: data.values as Int32Array }
    case Type.timestamp:
      return timestamps(head, type, data.values as BigInt64Array)
    case Type.utf8:
      return binary(head, { kind: 'string' }, data)
    case Type.binary:
      return binary(head, { kind: 'bytes' }, data)
    case Type.fixedSizeBinary:
      return fixedSizeBinary(head, type.byteWidth!, data.values as Uint8Array)
    case Type.decimal:
      return decimals(head, type, data.values as Uint32Array)
    case Type.list:
      return lists(head, data)
    case Type.struct:
      return structs(head, data)
    case Type.map:
      return maps(head, data)
    default:
      return null
  }
}

function integers(head: Head, type: ArrowType, values: Int32Array | BigInt64Array): ColumnVector | null {
  if (type.bitWidth === 64)
    return type.isSigned
      ? { ...head, layout: 'int64', type: { kind: 'int64' }, values: values as BigInt64Array }
      : null
  if (type.bitWidth === 32 && !type.isSigned)
    return {
      ...head,
      layout: 'int64',
      type: { kind: 'int64' },
      values: BigInt64Array.from(values as Int32Array, BigInt),
    }
  return {
    ...head,
    layout: 'int32',
    type: { kind: 'int32' },
    values: type.bitWidth === 32 ? (values as Int32Array) : Int32Array.from(values as Int32Array),
  }
}

function floats(head: Head, type: ArrowType, values: Float32Array | Float64Array): ColumnVector | null {
  const precision = (type as { precision?: number }).precision
  if (precision === Precision.single)
    return { ...head, layout: 'float32', type: { kind: 'float32' }, values: values as Float32Array }
  if (precision === Precision.double)
    return { ...head, layout: 'float64', type: { kind: 'float64' }, values: values as Float64Array }
  return null
}

/** Times without a zone are no points in time; nanoseconds do not fit. */
function timestamps(head: Head, type: ArrowType, values: BigInt64Array): ColumnVector | null {
  if (type.timezone === null || type.timezone === undefined || type.timezone === '') return null
  if (type.unit !== TimeUnit.microsecond && type.unit !== TimeUnit.millisecond) return null
  const micros = type.unit === TimeUnit.microsecond ? values : values.map(millis => millis * 1000n)
  return { ...head, layout: 'int64', type: { kind: 'timestamp' }, values: micros }
}

function binary(head: Head, type: ColumnType & { kind: 'string' | 'bytes' }, data: Data): ColumnVector {
  const offsets = data.length === 0 ? new Int32Array(1) : (data.valueOffsets as Int32Array)
  return { ...head, layout: 'binary', type, offsets, data: (data.values as Uint8Array | undefined) ?? empty }
}

const empty = new Uint8Array(0)

function fixedSizeBinary(head: Head, width: number, values: Uint8Array): ColumnVector {
  const offsets = Int32Array.from({ length: head.length + 1 }, (_, row) => row * width)
  return { ...head, layout: 'binary', type: { kind: 'bytes' }, offsets, data: values }
}

function decimals(head: Head, type: ArrowType, words: Uint32Array): ColumnVector | null {
  const { precision = 0, scale = 0, bitWidth = 128 } = type
  if (precision > 38 || scale < 0 || scale > precision) return null
  const stride = bitWidth / 8
  const width = decimalWidth(precision)
  const source = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  const values = new Uint8Array(head.length * width)
  for (let row = 0, to = 0; row < head.length; row++)
    for (let from = row * stride + width - 1, end = from - width; from > end; from--)
      values[to++] = source[from]!
  return { ...head, layout: 'fixed', type: { kind: 'decimal', precision, scale }, width, values }
}

function structs(head: Head, data: Data): ColumnVector | null {
  const children = data.children.map(convert)
  const names = (data.type as unknown as { children: Field[] }).children.map(({ name }) => name)
  if (children.includes(null)) return null
  const fields = children.map((child, at) => ({ name: names[at]!, type: child!.type }))
  return { ...head, layout: 'struct', type: { kind: 'struct', fields }, children: children as ColumnVector[] }
}

function maps(head: Head, data: Data): ColumnVector | null {
  const list = lists(head, data)
  if (list?.layout !== 'list' || list.child.layout !== 'struct') return null
  return { ...list, type: { kind: 'map', value: list.child.children[1]!.type } }
}

function lists(head: Head, data: Data): ColumnVector | null {
  const child = convert(data.children[0]!)
  if (!child) return null
  const offsets = data.length === 0 ? new Int32Array(1) : (data.valueOffsets as Int32Array)
  return { ...head, layout: 'list', type: { kind: 'list', element: child.type }, offsets, child }
}
