// A column of values, Arrow-shaped: what decoders build and encoders read. Buffers may be longer than needed;
// `length` counts. See https://arrow.apache.org/docs/format/Columnar.html for the layouts.
import type { ColumnType } from './types.ts'

interface VectorBase {
  type: ColumnType
  length: number
  nullCount: number
  /** Bit i (LSB first) is 1 when row i has a value; null when no row is null. */
  validity: Uint8Array | null
  /**
   * Bit i is 1 when the source left the value out because the change did not touch it (PostgreSQL's unchanged
   * TOAST): the row is null here and keeps what the target has. Null when there is none.
   */
  unchanged: Uint8Array | null
}

/** boolean: bitmap, LSB first. */
export interface BooleanVector extends VectorBase {
  layout: 'bits'
  values: Uint8Array
}
/** int32, date. */
export interface Int32Vector extends VectorBase {
  layout: 'int32'
  values: Int32Array
}
/** int64, timestamp. */
export interface Int64Vector extends VectorBase {
  layout: 'int64'
  values: BigInt64Array
}
export interface Float32Vector extends VectorBase {
  layout: 'float32'
  values: Float32Array
}
export interface Float64Vector extends VectorBase {
  layout: 'float64'
  values: Float64Array
}
/** decimal: `width` bytes a row, two's complement, big-endian (Parquet's FIXED_LEN_BYTE_ARRAY order). */
export interface FixedVector extends VectorBase {
  layout: 'fixed'
  width: number
  values: Uint8Array
}
/** string, bytes: row i is data[offsets[i], offsets[i + 1]). */
export interface BinaryVector extends VectorBase {
  layout: 'binary'
  offsets: Int32Array
  data: Uint8Array
}
/** list: row i is child rows [offsets[i], offsets[i + 1]). map: the same, of its entries (types.ts#mapEntry). */
export interface ListVector extends VectorBase {
  layout: 'list'
  offsets: Int32Array
  child: ColumnVector
}

/** struct: row i is row i of every child, in the order of the type's fields; all null where the row is. */
export interface StructVector extends VectorBase {
  layout: 'struct'
  children: readonly ColumnVector[]
}

export type ColumnVector =
  | BooleanVector
  | Int32Vector
  | Int64Vector
  | Float32Vector
  | Float64Vector
  | FixedVector
  | BinaryVector
  | ListVector
  | StructVector

export type Layout = ColumnVector['layout']

/** The layout in which vectors of a type store their values. */
export function layoutOf(type: ColumnType): Layout {
  switch (type.kind) {
    case 'boolean':
      return 'bits'
    case 'int32':
    case 'date':
      return 'int32'
    case 'int64':
    case 'timestamp':
      return 'int64'
    case 'decimal':
      return 'fixed'
    case 'string':
    case 'bytes':
      return 'binary'
    case 'map':
      return 'list'
    case 'float32':
    case 'float64':
    case 'list':
    case 'struct':
      return type.kind
  }
}

export function bitAt(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3]! >> (index & 7)) & 1) === 1
}

export function isNull(vector: ColumnVector, row: number): boolean {
  return vector.validity !== null && !bitAt(vector.validity, row)
}

/** Bytes the vector's live values take, validity included. */
export function vectorBytes(vector: ColumnVector): number {
  const bitmap = vector.validity === null ? 0 : (vector.length + 7) >> 3
  switch (vector.layout) {
    case 'bits':
      return bitmap + ((vector.length + 7) >> 3)
    case 'int32':
    case 'float32':
      return bitmap + vector.length * 4
    case 'int64':
    case 'float64':
      return bitmap + vector.length * 8
    case 'fixed':
      return bitmap + vector.length * vector.width
    case 'binary':
      return bitmap + vector.length * 4 + (vector.offsets[vector.length] ?? 0)
    case 'list':
      return bitmap + vector.length * 4 + vectorBytes(vector.child)
    case 'struct':
      return vector.children.reduce((bytes, child) => bytes + vectorBytes(child), bitmap)
  }
}
