// Rows as the records of an Avro log block, and back to columns. The content of a block is
//
//   int32 3 (version)  int32 record count  (int32 length, Avro binary)*      all big-endian
import { compileDecoder } from './field-decoder.ts'
import { optionalEncoder } from './field-encoder.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'
import { recordFields } from './schema.ts'
import { avroTree } from './type-tree.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'

const version = 3
const headerBytes = 8

/**
 * The content of a data block: rows rows[0], rows[1] … of the columns, or their first `count` rows when `rows` is
 * null. The columns stand in the order of the block's schema, in which every field is nullable (avroSchemaOf).
 */
export function encodeRecords(
  columns: readonly NamedVector[],
  rows: Int32Array | null,
  count = rows?.length ?? columns[0]?.vector.length ?? 0,
): Buffer {
  const fields = columns.map(({ vector }) => optionalEncoder(vector))
  const writer = new RecordWriter(1024 + count * columns.length * 12)
  writer.bytes.writeInt32BE(version, 0)
  writer.bytes.writeInt32BE(count, 4)
  writer.at = headerBytes
  for (let at = 0; at < count; at++) {
    const row = rows === null ? at : rows[at]!
    writer.reserve(4)
    const start = writer.at
    writer.at += 4
    for (let field = 0; field < fields.length; field++) fields[field]!(writer, row)
    writer.bytes.writeInt32BE(writer.at - start - 4, start)
  }
  return writer.bytes.subarray(0, writer.at)
}

export interface Records {
  rows: number
  columns: NamedVector[]
}

export interface DecodeRecordsOptions {
  /** Names of the fields to read, of those the writer had. Undefined: all. */
  columns?: readonly string[]
  /** Numbers of the records to read, ascending. Undefined: all. */
  rows?: Int32Array
  /** What errors say of the place: path, offset. */
  context?: ErrorContext
}

/**
 * The records of a data block as columns of the writer's types, in the order of its schema (JSON or text).
 * @throws DataError LAKE_FILE_CORRUPT, or LAKE_TYPE_UNSUPPORTED when a field read has a type that is not ours.
 */
export function decodeRecords(
  writerSchema: unknown,
  content: Uint8Array,
  options: DecodeRecordsOptions = {},
): Records {
  const context = options.context ?? {}
  const reader = new RecordReader(content)
  const fields = recordFields(avroTree(writerSchema)).map(field =>
    compileDecoder(field, options.columns === undefined || options.columns.includes(field.name)),
  )
  try {
    const rows = readRows(reader, fields, options.rows ?? null)
    const columns = fields.flatMap(({ name, builder, nullable }) =>
      builder === null ? [] : [{ name, vector: builder.finish(), nullable }],
    )
    return { rows, columns }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new DataError('The Avro records of a log block are damaged', {
      code: 'LAKE_FILE_CORRUPT',
      context,
      cause,
    })
  }
}

function readRows(
  reader: RecordReader,
  fields: readonly ReturnType<typeof compileDecoder>[],
  wanted: Int32Array | null,
): number {
  const found = reader.uint32()
  if (found !== version) throw new RangeError(`block version ${found} instead of ${version}`)
  const count = reader.uint32()
  const rows = wanted?.length ?? count
  for (let record = 0, read = 0; read < rows; record++) {
    if (record >= count) throw new RangeError(`there are only ${count} records`)
    const size = reader.uint32()
    const end = size + reader.at
    if (wanted !== null && wanted[read] !== record) {
      reader.skip(size)
      continue
    }
    for (const field of fields) field.read(reader)
    if (reader.at !== end) throw new RangeError(`record ${record} ends at ${reader.at} instead of ${end}`)
    read++
  }
  return rows
}
