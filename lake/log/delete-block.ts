// Delete blocks: the keys that are gone, each with the sequence of its delete. The content is
//
//   int32 3 (version)  int32 length  Avro HoodieDeleteRecordList
//
// whose record is {recordKey, partitionPath, orderingVal}. orderingVal is a union of one wrapper per type; ours is
// always branch 3, a long, so that a late delete loses against a newer row. The value 0 as an int (branch 2) is
// what Spark's DELETE writes: it beats every row that was there before.
import { encodeBlock, HeaderKey } from './block.ts'
import type { LogBlock } from './decode-blocks.ts'
import { RecordReader } from '#lake/avro/record-reader.ts'
import { RecordWriter } from '#lake/avro/record-writer.ts'
import { BinaryBuilder } from '#catalog/column-builder.ts'
import type { BinaryVector } from '#catalog/column.ts'
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'

const version = 3
/** Branches of the ordering value that are whole numbers; the others do not occur in tables we can merge. */
const Ordering = { null: 0, int: 2, long: 3, date: 8, timeMicros: 10, timestampMicros: 11 } as const
const stringBranch = 1

export interface Deletes {
  instant: string
  /** The table's Avro schema with meta fields, as text. */
  schema: string
  recordKeys: BinaryVector
  /** Of the file group; '' in a table without partitions. */
  partitionPath: string
  /** The sequence of each row. */
  orderings: BigInt64Array
  /** The rows to take; null: all. */
  rows?: Int32Array | null
}

export function encodeDeleteBlock(deletes: Deletes): Buffer {
  return encodeBlock(
    'delete',
    [
      [HeaderKey.instantTime, deletes.instant],
      [HeaderKey.schema, deletes.schema],
    ],
    encodeDeletes(deletes),
  )
}

function encodeDeletes({ recordKeys, partitionPath, orderings, rows }: Deletes): Buffer {
  const count = rows?.length ?? recordKeys.length
  const { offsets, data } = recordKeys
  const partition = Buffer.from(partitionPath)
  const words = new Int32Array(orderings.buffer, orderings.byteOffset, orderings.length * 2)
  const writer = new RecordWriter(64 + count * (40 + partition.length))
  writer.bytes.writeInt32BE(version, 0)
  writer.at = 8
  if (count > 0) writer.int(count)
  for (let at = 0; at < count; at++) {
    const row = rows ? rows[at]! : at
    const start = offsets[row]!
    const end = offsets[row + 1]!
    writer.reserve(end - start + partition.length + 32)
    writer.int(stringBranch)
    writer.int(end - start)
    writer.raw(data, start, end)
    writer.int(stringBranch)
    writer.int(partition.length)
    writer.raw(partition, 0, partition.length)
    writer.int(Ordering.long)
    writer.long(words[row * 2]!, words[row * 2 + 1]!)
  }
  writer.reserve(1)
  writer.int(0)
  writer.bytes.writeInt32BE(writer.at - 8, 4)
  return writer.bytes.subarray(0, writer.at)
}

export interface DecodedDeletes {
  recordKeys: BinaryVector
  /** The ordering value of each delete; 0 where it has none. */
  orderings: BigInt64Array
  /** 1 where the delete has no ordering value (null, or the int 0): it beats every earlier row. */
  unordered: Uint8Array
}

/** @throws DataError LAKE_FILE_CORRUPT, or LAKE_TYPE_UNSUPPORTED for an ordering that is no whole number. */
export function decodeDeletes(block: LogBlock, context: ErrorContext = {}): DecodedDeletes {
  const where = { ...context, offset: block.offset }
  try {
    return readDeletes(new RecordReader(block.content), where)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new DataError('A delete block is damaged', { code: 'LAKE_FILE_CORRUPT', context: where, cause })
  }
}

function readDeletes(reader: RecordReader, where: ErrorContext): DecodedDeletes {
  const found = reader.uint32()
  if (found !== version) throw new RangeError(`block version ${found} instead of ${version}`)
  if (reader.uint32() !== reader.bytes.length - reader.at) throw new RangeError('the length is wrong')
  const keys = new BinaryBuilder({ kind: 'string' })
  const orderings: bigint[] = []
  const unordered: number[] = []
  for (let count = reader.count(); count !== 0; count = reader.count()) {
    if (count < 0) reader.count()
    for (let left = Math.abs(count); left > 0; left--) {
      const key = optionalString(reader)
      if (key === null) throw new RangeError('a delete has no record key')
      keys.appendBytes(reader.bytes, key.start, key.end)
      optionalString(reader)
      const branch = reader.int()
      const value = orderingValue(reader, branch, where)
      orderings.push(value)
      unordered.push(branch === Ordering.null || (branch === Ordering.int && value === 0n) ? 1 : 0)
    }
  }
  return {
    recordKeys: keys.finish() as BinaryVector,
    orderings: BigInt64Array.from(orderings),
    unordered: Uint8Array.from(unordered),
  }
}

function optionalString(reader: RecordReader): { start: number; end: number } | null {
  if (reader.int() !== stringBranch) return null
  const size = reader.count()
  const start = reader.skip(size)
  return { start, end: start + size }
}

function orderingValue(reader: RecordReader, branch: number, where: ErrorContext): bigint {
  switch (branch) {
    case Ordering.null:
      return 0n
    case Ordering.int:
    case Ordering.date:
      return BigInt(reader.int())
    case Ordering.long:
    case Ordering.timeMicros:
    case Ordering.timestampMicros:
      reader.long()
      return (BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0)
    default:
      throw new DataError('The ordering value of a delete is no whole number', {
        code: 'LAKE_TYPE_UNSUPPORTED',
        context: { ...where, branch },
      })
  }
}
