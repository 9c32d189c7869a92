// Writes record batches (magic 2) for tests of what reads them.
import { gzipSync, zstdCompressSync } from 'node:zlib'

export interface TestRecord {
  offset: number
  timestampMs?: number
  key?: string | Buffer | null
  value?: string | Buffer | null
  headers?: [name: string, value: string | null][]
}

export interface BatchOptions {
  codec?: 'none' | 'gzip' | 'zstd'
  /** In a transaction of this producer. */
  producerId?: number
  /** A control batch: its one record says how the producer's transaction ended. */
  control?: 'abort' | 'commit'
  /** All records have this time, the broker's. */
  appendTimeMs?: number
  /** The last offset when compaction removed the last records. */
  lastOffset?: number
}

export function writeBatch(records: readonly TestRecord[], options: BatchOptions = {}): Buffer {
  const baseOffset = records[0]?.offset ?? options.lastOffset ?? 0
  const baseTimestamp = records[0]?.timestampMs ?? 0
  const body = Buffer.concat(records.map(record => writeRecord(record, baseOffset, baseTimestamp)))
  const codec = options.codec ?? 'none'
  const packed = codec === 'gzip' ? gzipSync(body) : codec === 'zstd' ? zstdCompressSync(body) : body
  const head = Buffer.alloc(61)
  head.writeBigInt64BE(BigInt(baseOffset), 0)
  head.writeInt32BE(49 + packed.length, 8)
  head.writeInt8(2, 16)
  head.writeInt16BE(attributes(options), 21)
  head.writeInt32BE((options.lastOffset ?? records.at(-1)?.offset ?? baseOffset) - baseOffset, 23)
  head.writeBigInt64BE(BigInt(baseTimestamp), 27)
  head.writeBigInt64BE(BigInt(options.appendTimeMs ?? baseTimestamp), 35)
  head.writeBigInt64BE(BigInt(options.producerId ?? -1), 43)
  head.writeInt32BE(records.length, 57)
  return Buffer.concat([head, packed])
}

function attributes(options: BatchOptions): number {
  return (
    { none: 0, gzip: 1, zstd: 4 }[options.codec ?? 'none'] |
    (options.appendTimeMs === undefined ? 0 : 0x08) |
    (options.producerId === undefined ? 0 : 0x10) |
    (options.control === undefined ? 0 : 0x20)
  )
}

export function writeControl(offset: number, producerId: number, control: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, control === 'abort' ? 0 : 1])
  return writeBatch([{ offset, key, value: Buffer.alloc(6) }], { producerId, control })
}

function writeRecord(record: TestRecord, baseOffset: number, baseTimestamp: number): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint((record.timestampMs ?? baseTimestamp) - baseTimestamp),
    varint(record.offset - baseOffset),
    lengthed(record.key),
    lengthed(record.value),
    varint(record.headers?.length ?? 0),
    ...(record.headers ?? []).flatMap(([name, value]) => [lengthed(name), lengthed(value)]),
  ])
  return Buffer.concat([varint(body.length), body])
}

function lengthed(bytes: string | Buffer | null | undefined): Buffer {
  if (bytes === null || bytes === undefined) return varint(-1)
  const buffer = Buffer.from(bytes as string)
  return Buffer.concat([varint(buffer.length), buffer])
}

/** Zigzag, then seven bits a byte. */
function varint(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(bytes)
}
