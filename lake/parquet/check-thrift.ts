// Walks a struct of Thrift's compact protocol without keeping anything, before hyparquet's parser takes it apart.
// That parser believes what the bytes say: a list of two thousand million elements, a number of a million digits.
// Here every count is held against the bytes that are left, so damaged bytes cost no more than their length.
// See https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
import { PageReader } from './page-reader.ts'

const Type = { true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 }
/** Footers nest six deep. */
const depthMax = 32
const varintBytesMax = 10

/** @throws RangeError when no whole struct starts at `at`. */
export function checkThrift(bytes: Uint8Array, at: number): void {
  const reader = new PageReader(bytes)
  reader.skip(at)
  struct(reader, 0)
}

function struct(reader: PageReader, depth: number): void {
  if (depth > depthMax) throw new RangeError('structs are nested too deep')
  for (let header = reader.byte(); header !== 0; header = reader.byte()) {
    const type = header & 0x0f
    if (header >> 4 === 0) number(reader)
    // A field that is true or false has its value in its type.
    if (type !== Type.true && type !== Type.false) value(reader, type, depth)
  }
}

function value(reader: PageReader, type: number, depth: number): void {
  switch (type) {
    case Type.true:
    case Type.false:
    case Type.byte:
      reader.skip(1)
      break
    case Type.i16:
    case Type.i32:
    case Type.i64:
      number(reader)
      break
    case Type.double:
      reader.skip(8)
      break
    case Type.binary:
      reader.skip(reader.varint())
      break
    case Type.list:
      list(reader, depth)
      break
    case Type.struct:
      struct(reader, depth + 1)
      break
    default:
      throw new RangeError(`Thrift type ${type} does not occur in Parquet`)
  }
}

function list(reader: PageReader, depth: number): void {
  const header = reader.byte()
  const size = header >> 4 === 15 ? reader.varint() : header >> 4
  // Every element takes a byte at least.
  if (size > reader.left) throw new RangeError('a list is longer than the bytes')
  for (let left = size; left > 0; left--) value(reader, header & 0x0f, depth + 1)
}

function number(reader: PageReader): void {
  for (let left = varintBytesMax; left > 0; left--) if (reader.byte() < 0x80) return
  throw new RangeError('a number is too long')
}
