// Avro object containers as Hudi writes its metadata: codec null, one block. Done by hand around avsc's types,
// whose own container code is made of streams.
//
//   'Obj' 1 | map<bytes> { avro.schema, avro.codec } | sync 16 | (long count | long bytes | records | sync 16)*
//
// https://avro.apache.org/docs/1.11.1/specification/#object-container-files
import avro from 'avsc'
import { createHash } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'

const magic = Buffer.from('Obj\u0001', 'latin1')
const syncBytes = 16

interface ContainerType {
  type: avro.Type
  head: Buffer
}

const headType = avro.Type.forSchema({ type: 'map', values: 'bytes' })
const longType = avro.Type.forSchema('long')
const types = new WeakMap<object, ContainerType>()
const readTypes = new Map<string, avro.Type>()

/** A container of one record. The sync marker follows from the content, so equal records give equal bytes. */
export function encodeContainer(schema: object, record: object): Uint8Array {
  const { type, head } = containerType(schema)
  const body = type.toBuffer(record)
  const sync = createHash('sha256').update(body).digest().subarray(0, syncBytes)
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

/** The records of a container (codec null or deflate), as its own schema describes them. */
export function decodeContainer(bytes: Uint8Array): unknown[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!buffer.subarray(0, magic.length).equals(magic)) throw new Error('not an Avro object container')
  const head = headType.decode(buffer, magic.length)
  const fields = head.value as Record<string, Buffer>
  const type = readType(fields['avro.schema']!.toString('utf8'))
  const deflated = fields['avro.codec']?.toString('utf8') === 'deflate'
  const records: unknown[] = []
  let at = head.offset + syncBytes
  while (at < buffer.length) {
    const count = longType.decode(buffer, at)
    const size = longType.decode(buffer, count.offset)
    const end = size.offset + (size.value as number)
    const packed = buffer.subarray(size.offset, end)
    const block = deflated ? inflateRawSync(packed) : packed
    for (let i = 0, from = 0; i < (count.value as number); i++) {
      const record = type.decode(block, from)
      if (record.offset < 0) throw new Error('Avro block is cut short')
      records.push(record.value)
      from = record.offset
    }
    at = end + syncBytes
  }
  return records
}

function readType(schema: string): avro.Type {
  let type = readTypes.get(schema)
  if (type === undefined) {
    type = avro.Type.forSchema(JSON.parse(schema) as avro.Schema)
    // One entry per Hudi release that wrote to the tables of this process.
    if (readTypes.size < 64) readTypes.set(schema, type)
  }
  return type
}
