// Decoders of values in text form: what servers before 14 send, and what a log carries whose tables have types
// without a binary form we read. Correct before fast.
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
import { invariant, InvariantError } from '#common/errors.ts'
import { parseArrayText } from './array-text.ts'
import type { Append } from './binary-values.ts'
import { appendPrintedDate, appendPrintedTimestamp } from './datetime.ts'
import { appendPrintedNumeric } from './numeric.ts'
import type { ValueType } from './server-types.ts'
import { malformed } from './value-error.ts'

export function textAppender(type: ValueType, builder: ColumnBuilder): Append {
  if (type.column.kind === 'string') {
    const column = builder as BinaryBuilder
    return (bytes, start, end) => column.appendBytes(bytes, start, end)
  }
  const append = parsed(type, builder)
  return (bytes, start, end) => append(bytes.toString('utf8', start, end))
}

/** Appends a value given as text. @throws DataError */
function parsed(type: ValueType, builder: ColumnBuilder): (text: string) => void {
  switch (type.column.kind) {
    case 'boolean':
      return text => (builder as BooleanBuilder).append(text === 't')
    case 'int32':
      return text => (builder as Int32Builder).append(Number(text))
    case 'int64':
      return text => (builder as Int64Builder).append(BigInt(text))
    case 'float32':
      return text => (builder as Float32Builder).append(Number(text))
    case 'float64':
      return text => (builder as Float64Builder).append(Number(text))
    case 'decimal': {
      const { scale } = type.column
      return text => appendPrintedNumeric(builder as DecimalBuilder, scale, text)
    }
    case 'string':
      return text => (builder as BinaryBuilder).appendString(text)
    case 'bytes':
      return text => {
        if (!text.startsWith('\\x')) throw malformed('Binary data is not printed in hexadecimal')
        const bytes = Buffer.from(text.slice(2), 'hex')
        ;(builder as BinaryBuilder).appendBytes(bytes, 0, bytes.length)
      }
    case 'date':
      return text => appendPrintedDate(builder as Int32Builder, text)
    case 'timestamp':
      return text => appendPrintedTimestamp(builder as Int64Builder, text)
    case 'list':
      return listOf(type, builder as ListBuilder)
    case 'struct':
    case 'map':
      invariant(false, 'A type of PostgreSQL became a struct')
  }
}

function listOf(type: ValueType, list: ListBuilder): (text: string) => void {
  if (!type.element) throw new InvariantError('A list type without an element', { code: 'INTERNAL' })
  const append = parsed(type.element, list.child)
  return text => {
    for (const element of parseArrayText(text, type.element?.codec === 'printed' ? type.delimiter : ','))
      if (element === null) list.child.appendNull()
      else append(element)
    list.closeRow()
  }
}
