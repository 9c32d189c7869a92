// Avro object containers as Hudi writes its metadata: codec null, one block. Done by hand around avsc's types,
// whose own container code is made of streams.
//
//   'Obj' 1 | map<bytes> { avro.schema, avro.codec } | sync 16 | (long count | long bytes | records | sync 16)*
//
// https://avro.apache.org/docs/1.11.1/specification/#object-container-files
import avro from 'avsc'
import { createHash } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { skipper } from '#lake/avro/field-decoder.ts'
import { RecordReader } from '#lake/avro/record-reader.ts'
import { avroTree } from '#lake/avro/type-tree.ts'

const magic = Buffer.from('Obj\u0001', 'latin1')
const syncBytes = 16

interface ContainerType {
  type: avro.Type
  head: Buffer
}

interface ReadType {
  type: avro.Type
  /** Steps over a record. */
  step: (reader: RecordReader) => void
}

const headType = avro.Type.forSchema({ type: 'map', values: 'bytes' })
const longType = avro.Type.forSchema('long')
const types = new WeakMap<object, ContainerType>()
const readTypes = new Map<string, ReadType>()
const stepOverHead = skipper(avroTree({ type: 'map', values: 'bytes' }))

/** A container of one record. The sync marker follows from the content, so equal records give equal bytes. */
export function encodeContainer(schema: object, record: object): Uint8Array {
  const { type, head } = containerType(schema)
  const body = type.toBuffer(record)
  const sync = syncOf(body)
  return Buffer.concat([head, sync, longType.toBuffer(1), longType.toBuffer(body.length), body, sync])
}

function containerType(schema: object): ContainerType {
  let found = types.get(schema)
  if (found === undefined) {
    const fields = { 'avro.schema': Buffer.from(JSON.stringify(schema)), 'avro.codec': Buffer.from('null') }
    found = {
      type: avro.Type.forSchema(schema as avro.Schema),
      head: Buffer.concat([magic, headType.toBuffer(fields)]),
    }
    types.set(schema, found)
  }
  return found
}

/**
 * The records of a container (codec null or deflate), as its own schema describes them.
 * @throws any error when the bytes are damaged.
 */
export function decodeContainer(bytes: Uint8Array): unknown[] {
  const file = new RecordReader(bytes)
  if (!file.bytes.subarray(file.skip(magic.length), file.at).equals(magic))
    throw new Error('not an Avro object container')
  stepOverHead(file)
  const head = headType.decode(file.bytes, magic.length).value as Record<string, Buffer>
  const type = readType(head['avro.schema']!.toString('utf8'))
  const deflated = head['avro.codec']?.toString('utf8') === 'deflate'
  const records: unknown[] = []
  const sync = file.bytes.subarray(file.skip(syncBytes), file.at)
  while (file.at < file.bytes.length) {
    const count = file.count()
    const packed = file.bytes.subarray(file.skip(file.count()), file.at)
    readBlock(type, new RecordReader(deflated ? inflateRawSync(packed) : packed), count, records)
    if (!file.bytes.subarray(file.skip(syncBytes), file.at).equals(sync))
      throw new RangeError('a block does not end with the sync marker')
  }
  return records
}

/**
 * Whether the sync marker follows from the content, as encodeContainer() makes it: then, and only then, the records are
 * those that were written. The bytes are a container that decodeContainer() reads.
 */
export function isSyncOfContent(bytes: Uint8Array): boolean {
  const file = new RecordReader(bytes)
  file.skip(magic.length)
  stepOverHead(file)
  const sync = file.bytes.subarray(file.skip(syncBytes), file.at)
  file.count()
  const body = file.bytes.subarray(file.skip(file.count()), file.at)
  return syncOf(body).equals(sync)
}

function syncOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, syncBytes)
}

/** avsc does not look for the end of the bytes while it reads, so each record is stepped over before. */
function readBlock({ type, step }: ReadType, block: RecordReader, count: number, into: unknown[]): void {
  for (let left = count; left > 0; left--) {
    const from = block.at
    step(block)
    if (block.at === from) throw new RangeError('a record of no bytes')
    into.push(type.decode(block.bytes, from).value)
  }
}

function readType(schema: string): ReadType {
  let found = readTypes.get(schema)
  if (found === undefined) {
    const type = avro.Type.forSchema(JSON.parse(schema) as avro.Schema)
    found = { type, step: skipper(avroTree(schema)) }
    // One entry per Hudi release that wrote to the tables of this process.
    if (readTypes.size < 64) readTypes.set(schema, found)
  }
  return found
}
