// Decoders of values in binary form, from the wire into column builders. One closure per column, made once per
// schema; none allocates per value where the layout allows.
// https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES
import type {
  BinaryBuilder,
  BooleanBuilder,
  ColumnBuilder,
  DecimalBuilder,
  Float32Builder,
  Float64Builder,
  Int32Builder,
  Int64Builder,
  ListBuilder,
} from '#catalog/column-builder.ts'
import { InvariantError } from '#common/errors.ts'
import { appendDate, appendTimestamp, timeText, timetzText } from './datetime.ts'
import { appendNumeric, numericText } from './numeric.ts'
import type { ValueType } from './server-types.ts'
import { malformed, multidimensional } from './value-error.ts'

/** Appends the value in bytes [start, end) as one row. @throws DataError */
export type Append = (bytes: Buffer, start: number, end: number) => void

export function binaryAppender(type: ValueType, builder: ColumnBuilder): Append {
  switch (type.codec) {
    case 'boolean': {
      const column = builder as BooleanBuilder
      return sized(1, (bytes, start) => column.append(bytes[start] !== 0))
    }
    case 'int2': {
      const column = builder as Int32Builder
      return sized(2, (bytes, start) =>
        column.append(((bytes[start]! << 24) | (bytes[start + 1]! << 16)) >> 16),
      )
    }
    case 'int4': {
      const column = builder as Int32Builder
      return sized(4, (bytes, start) => column.append(int32(bytes, start)))
    }
    case 'int8': {
      const column = builder as Int64Builder
      return sized(8, (bytes, start) => column.appendHalves(int32(bytes, start), int32(bytes, start + 4)))
    }
    case 'oid': {
      const column = builder as Int64Builder
      return sized(4, (bytes, start) => column.appendHalves(0, int32(bytes, start)))
    }
    case 'float4': {
      const column = builder as Float32Builder
      return sized(4, (bytes, start) => column.append(bytes.readFloatBE(start)))
    }
    case 'float8': {
      const column = builder as Float64Builder
      return sized(8, (bytes, start) => column.append(bytes.readDoubleBE(start)))
    }
    case 'date': {
      const column = builder as Int32Builder
      return sized(4, (bytes, start) => appendDate(column, bytes, start))
    }
    case 'timestamp': {
      const column = builder as Int64Builder
      return sized(8, (bytes, start) => appendTimestamp(column, bytes, start))
    }
    case 'decimal': {
      if (type.column.kind !== 'decimal') break
      return appendNumeric(builder as DecimalBuilder, type.column.scale, type.column.precision)
    }
    case 'list':
      return listAppender(
        builder as ListBuilder,
        binaryAppender(type.element!, (builder as ListBuilder).child),
      )
    default:
      return textAppender(type, builder as BinaryBuilder)
  }
  throw new InvariantError('A decimal codec goes with a decimal column', { code: 'INTERNAL' })
}

/** Columns that hold text or bytes. */
function textAppender(type: ValueType, column: BinaryBuilder): Append {
  switch (type.codec) {
    case 'text':
    case 'bytes':
      return (bytes, start, end) => column.appendBytes(bytes, start, end)
    case 'jsonb':
      // jsonb ::= version:Byte1(1) text
      return (bytes, start, end) => {
        if (bytes[start] !== 1) throw malformed('An unknown version of binary jsonb')
        column.appendBytes(bytes, start + 1, end)
      }
    case 'uuid':
      return uuidAppender(column)
    case 'numericText':
      return (bytes, start) => column.appendString(numericText(bytes, start))
    case 'time':
      return sized(8, (bytes, start) => column.appendString(timeText(bytes, start)))
    case 'timetz':
      return (bytes, start, end) => column.appendString(timetzText(bytes, start, end))
    default:
      throw new InvariantError(`No binary decoder for ${type.codec}`, { code: 'INTERNAL' })
  }
}

const hexDigits = Buffer.from('0123456789abcdef')

/** uuid ::= Byte[16], as 8-4-4-4-12 hexadecimal digits. */
function uuidAppender(column: BinaryBuilder): Append {
  const text = Buffer.alloc(36, '-')
  return sized(16, (bytes, start) => {
    let at = 0
    for (let index = 0; index < 16; index++) {
      if (index === 4 || index === 6 || index === 8 || index === 10) at++
      const byte = bytes[start + index]!
      text[at++] = hexDigits[byte >> 4]!
      text[at++] = hexDigits[byte & 15]!
    }
    column.appendBytes(text, 0, 36)
  })
}

/**
 *   Array ::= ndim:Int32 hasNulls:Int32 element:Int32(oid) (length:Int32 lowerBound:Int32)[ndim] value*
 *   value ::= size:Int32(-1: null) Byte[size]
 */
function listAppender(list: ListBuilder, append: Append): Append {
  return (bytes, start) => {
    const dimensions = int32(bytes, start)
    if (dimensions > 1) throw multidimensional(dimensions)
    if (dimensions === 1) {
      let at = start + 20
      for (let left = int32(bytes, start + 12); left > 0; left--) {
        const size = int32(bytes, at)
        at += 4
        if (size < 0) list.child.appendNull()
        else {
          append(bytes, at, at + size)
          at += size
        }
      }
    }
    list.closeRow()
  }
}

/** Checks the size once, so that the decoder may read without looking. */
function sized(size: number, append: (bytes: Buffer, start: number) => void): Append {
  return (bytes, start, end) => {
    if (end - start !== size) throw malformed(`A value of ${size} bytes has ${end - start}`)
    append(bytes, start)
  }
}

function int32(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
