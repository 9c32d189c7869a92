// One closure per column that writes the column's value of a row: the branch of its union, then the value.
// Compiled once per batch, so that the loop over the rows decides nothing.
import type { RecordWriter } from './record-writer.ts'
import type { BinaryVector, ColumnVector, ListVector, StructVector } from '#catalog/column.ts'
import { bitAt } from '#catalog/column.ts'
import { ConstantStrings } from '#lake/parquet/constant-strings.ts'

/** Writes the value of a row; it reserves its own room. */
export type FieldEncoder = (writer: RecordWriter, row: number) => void

/** Branches of ["null", T], in zigzag. */
const nullBranch = 0
const valueBranch = 2
/** A branch byte and the longest varint. */
const scalarBytes = 11

/** The encoder of a field of type ["null", T]. */
export function optionalEncoder(vector: ColumnVector): FieldEncoder {
  if (vector instanceof ConstantStrings) return constantEncoder(vector)
  const value = valueEncoder(vector)
  const { validity } = vector
  if (validity === null || vector.nullCount === 0)
    return (writer, row) => {
      writer.reserve(scalarBytes)
      writer.bytes[writer.at++] = valueBranch
      value(writer, row)
    }
  return (writer, row) => {
    writer.reserve(scalarBytes)
    if (bitAt(validity, row)) {
      writer.bytes[writer.at++] = valueBranch
      value(writer, row)
    } else writer.bytes[writer.at++] = nullBranch
  }
}

function constantEncoder({ constant }: ConstantStrings): FieldEncoder {
  return (writer, _row) => {
    writer.reserve(scalarBytes + constant.length)
    writer.bytes[writer.at++] = valueBranch
    writer.int(constant.length)
    writer.raw(constant, 0, constant.length)
  }
}

/** Scalars find room reserved by their union; longer values reserve more. */
function valueEncoder(vector: ColumnVector): FieldEncoder {
  switch (vector.layout) {
    case 'bits':
      return (writer, row) => (writer.bytes[writer.at++] = bitAt(vector.values, row) ? 1 : 0)
    case 'int32':
      return int32Encoder(vector.values)
    case 'int64':
      return int64Encoder(vector.values)
    case 'float32':
    case 'float64':
      return rawEncoder(vector.values)
    case 'fixed':
      return fixedEncoder(vector.values, vector.width)
    case 'binary':
      return binaryEncoder(vector)
    case 'list':
      return listEncoder(vector, vector.type.kind === 'map' ? entryEncoder : optionalEncoder)
    case 'struct':
      return structEncoder(vector)
  }
}

function int32Encoder(values: Int32Array): FieldEncoder {
  return (writer, row) => writer.int(values[row]!)
}

function int64Encoder(values: BigInt64Array): FieldEncoder {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  return (writer, row) => writer.long(words[row * 2]!, words[row * 2 + 1]!)
}

/** float and double: their bytes, little-endian as they lie. */
function rawEncoder(values: Float32Array | Float64Array): FieldEncoder {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const width = values.BYTES_PER_ELEMENT
  return (writer, row) => writer.raw(bytes, row * width, row * width + width)
}

function fixedEncoder(values: Uint8Array, width: number): FieldEncoder {
  return (writer, row) => {
    writer.reserve(width)
    writer.raw(values, row * width, row * width + width)
  }
}

function binaryEncoder({ offsets, data }: BinaryVector): FieldEncoder {
  return (writer, row) => {
    const start = offsets[row]!
    const end = offsets[row + 1]!
    writer.reserve(scalarBytes + end - start)
    writer.int(end - start)
    writer.raw(data, start, end)
  }
}

/** record := field* */
function structEncoder({ children }: StructVector): FieldEncoder {
  const fields = children.map(optionalEncoder)
  return (writer, row) => {
    for (let field = 0; field < fields.length; field++) fields[field]!(writer, row)
  }
}

/** Of a map: a string, which is no union, and the value. */
function entryEncoder(entries: ColumnVector): FieldEncoder {
  const [keys, values] = (entries as StructVector).children
  const key = binaryEncoder(keys as BinaryVector)
  const value = optionalEncoder(values!)
  return (writer, row) => {
    key(writer, row)
    value(writer, row)
  }
}

/** array, map := (count item*)* 0. An empty one is the single byte 0: two of them are an error to some readers. */
function listEncoder(vector: ListVector, itemEncoder: (items: ColumnVector) => FieldEncoder): FieldEncoder {
  const item = itemEncoder(vector.child)
  return (writer, row) => {
    const start = vector.offsets[row]!
    const end = vector.offsets[row + 1]!
    if (end > start) {
      writer.int(end - start)
      for (let child = start; child < end; child++) item(writer, child)
    }
    writer.reserve(1)
    writer.bytes[writer.at++] = 0
  }
}
