// One closure per field of the writer's schema: it appends the field's value to a column builder, or steps over
// it when nobody asked for the field.
import type { RecordReader } from './record-reader.ts'
import { columnTypeOf, optionalOf } from './schema.ts'
import type { AvroFieldNode, AvroNode } from './type-tree.ts'
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
  StructBuilder,
} from '#catalog/column-builder.ts'
import { columnBuilder } from '#catalog/column-builder.ts'
import { DataError } from '#common/errors.ts'

/** Ours take 16; the sign may be repeated before them. */
const decimalBytesMax = 64

type Read = (reader: RecordReader) => void

export interface FieldDecoder {
  name: string
  nullable: boolean
  /** Null: the field is stepped over. */
  builder: ColumnBuilder | null
  /** Reads one value. @throws RangeError when the bytes are not a value of the field. */
  read: Read
}

/** @throws DataError LAKE_TYPE_UNSUPPORTED when a wanted field has a type that is not ours. */
export function compileDecoder({ name, node }: AvroFieldNode, wanted: boolean): FieldDecoder {
  const nullable = node.kind === 'union'
  if (!wanted) return { name, nullable, builder: null, read: skipper(node) }
  const value = optionalOf(node)
  const type = value && columnTypeOf(value)
  if (!type)
    throw new DataError(`Field ${name} has an Avro type that has no place here`, {
      code: 'LAKE_TYPE_UNSUPPORTED',
      context: { column: name, type: (value ?? node).logicalType ?? (value ?? node).kind },
    })
  const builder = columnBuilder(type)
  return { name, nullable, builder, read: appender(node, builder) }
}

function appender(node: AvroNode, builder: ColumnBuilder): Read {
  const value = optionalOf(node)!
  const append = valueAppender(value, builder)
  if (node.kind !== 'union') return append
  const valueBranch = node.children!.indexOf(value)
  const branches = node.children!.length
  return reader => {
    const branch = reader.int()
    if (branch === valueBranch) append(reader)
    else if (branch >= 0 && branch < branches) builder.appendNull()
    else throw new RangeError(`there is no union branch ${branch}`)
  }
}

function valueAppender(node: AvroNode, builder: ColumnBuilder): Read {
  if (node.logicalType === 'decimal') return decimalAppender(node, builder as DecimalBuilder)
  switch (node.kind) {
    case 'boolean':
      return reader => (builder as BooleanBuilder).append(reader.byte() !== 0)
    case 'int':
      return reader => (builder as Int32Builder).append(reader.int())
    case 'long':
      return longAppender(node, builder as Int64Builder)
    case 'float':
      return reader => (builder as Float32Builder).append(reader.bytes.readFloatLE(reader.skip(4)))
    case 'double':
      return reader => (builder as Float64Builder).append(reader.bytes.readDoubleLE(reader.skip(8)))
    case 'enum':
      return enumAppender(node, builder as BinaryBuilder)
    case 'array':
      return arrayAppender(node, builder as ListBuilder)
    case 'map':
      return mapAppender(node, builder as ListBuilder)
    case 'record':
      return recordAppender(node, builder as StructBuilder)
    default:
      return bytesAppender(node, builder as BinaryBuilder)
  }
}

/** string, bytes, fixed. */
function bytesAppender(node: AvroNode, builder: BinaryBuilder): Read {
  return reader => {
    const size = node.kind === 'fixed' ? node.size! : reader.count()
    const start = reader.skip(size)
    builder.appendBytes(reader.bytes, start, start + size)
  }
}

function longAppender(node: AvroNode, builder: Int64Builder): Read {
  if (node.logicalType !== 'timestamp-millis')
    return reader => {
      reader.long()
      builder.appendHalves(reader.high, reader.low)
    }
  return reader => {
    reader.long()
    builder.append(((BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0)) * 1000n)
  }
}

function enumAppender(node: AvroNode, builder: BinaryBuilder): Read {
  return reader => {
    const word = node.symbols![reader.int()]
    if (word === undefined) throw new RangeError('an enum has no such word')
    builder.appendString(word)
  }
}

/** Big-endian two's complement of any width, as a fixed or as bytes. */
function decimalAppender(node: AvroNode, builder: DecimalBuilder): Read {
  return reader => {
    const size = node.kind === 'fixed' ? node.size! : reader.count()
    const start = reader.skip(size)
    if (size === 0 || size > decimalBytesMax) throw new RangeError(`a decimal has ${size} bytes`)
    let value = BigInt(reader.bytes.readInt8(start))
    for (let at = start + 1; at < start + size; at++) value = (value << 8n) | BigInt(reader.bytes[at]!)
    builder.append(value)
  }
}

function arrayAppender(node: AvroNode, builder: ListBuilder): Read {
  const item = appender(node.children![0]!, builder.child)
  return reader => {
    eachItem(reader, item)
    builder.closeRow()
  }
}

function mapAppender(node: AvroNode, builder: ListBuilder): Read {
  const entries = builder.child as StructBuilder
  const key = bytesAppender({ kind: 'string' }, entries.children[0] as BinaryBuilder)
  const value = appender(node.children![0]!, entries.children[1]!)
  return reader => {
    eachItem(reader, each => {
      key(each)
      value(each)
      entries.closeRow()
    })
    builder.closeRow()
  }
}

function recordAppender(node: AvroNode, builder: StructBuilder): Read {
  const fields = node.fields!.map((field, at) => appender(field.node, builder.children[at]!))
  return reader => {
    for (let field = 0; field < fields.length; field++) fields[field]!(reader)
    builder.closeRow()
  }
}

/** array and map := block* 0     block := count item*  |  −count, bytes, item* */
function eachItem(reader: RecordReader, item: Read): void {
  for (let count = reader.count(); count !== 0; count = reader.count()) {
    if (count < 0) reader.count()
    for (let left = Math.abs(count); left > 0; left--) {
      const start = reader.at
      item(reader)
      // Items without bytes (null, an empty record) are not worth counting: the count may be a damaged one.
      if (reader.at === start) break
    }
  }
}

/** Steps over one value of the type. @throws RangeError when the bytes are no such value. */
export function skipper(node: AvroNode): Read {
  switch (node.kind) {
    case 'null':
      return () => {}
    case 'boolean':
      return reader => reader.skip(1)
    case 'int':
    case 'enum':
    case 'long':
      return reader => reader.long()
    case 'float':
      return reader => reader.skip(4)
    case 'double':
      return reader => reader.skip(8)
    case 'bytes':
    case 'string':
      return reader => reader.skip(reader.count())
    case 'fixed':
      return reader => reader.skip(node.size!)
    default:
      return nestedSkipper(node)
  }
}

function nestedSkipper(node: AvroNode): Read {
  if (node.kind === 'union') {
    const branches = node.children!.map(skipper)
    return reader => {
      const branch = branches[reader.int()]
      if (!branch) throw new RangeError('there is no such union branch')
      branch(reader)
    }
  }
  if (node.kind === 'record') {
    let fields: Read[] | null = null
    return reader => {
      // Compiled when first met, since a record may hold itself.
      fields ??= node.fields!.map(field => skipper(field.node))
      for (const field of fields) field(reader)
    }
  }
  const value = skipper(node.children![0]!)
  if (node.kind === 'array') return reader => eachItem(reader, value)
  return reader =>
    eachItem(reader, each => {
      each.skip(each.count())
      value(each)
    })
}
