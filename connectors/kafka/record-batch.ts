// Walks the records of a fetched partition in place: no object per record, only offsets into the bytes. Aborted
// transactions and control records are passed over, as read_committed asks.
// Format: https://kafka.apache.org/documentation/#recordbatch (magic 2, Kafka 0.11 and later).
import { DataError } from '#common/errors.ts'
import { decompress } from './compression.ts'
import { readInt32, readInt64 } from './wire.ts'

export interface AbortedTransaction {
  producerId: number
  firstOffset: number
}

// RecordBatch => baseOffset batchLength partitionLeaderEpoch magic crc attributes lastOffsetDelta
//                baseTimestamp maxTimestamp producerId producerEpoch baseSequence recordCount [Record]
//   baseOffset => INT64               0
//   batchLength => INT32              8   bytes after this field
//   partitionLeaderEpoch => INT32    12
//   magic => INT8                    16
//   crc => UINT32                    17   of attributes and all that follows; left to TCP, as librdkafka does
//   attributes => INT16              21   bits 0-2 codec, 3 log append time, 4 transactional, 5 control
//   lastOffsetDelta => INT32         23
//   baseTimestamp => INT64           27
//   maxTimestamp => INT64            35
//   producerId => INT64              43
//   producerEpoch => INT16           51
//   baseSequence => INT32            53
//   recordCount => INT32             57
const headerBytes = 61

/** The complete batches at the start of the bytes: the broker may cut the last one short. */
export function completeBatches(bytes: Uint8Array): { length: number; nextOffset: number } {
  let length = 0
  let nextOffset = -1
  while (length + headerBytes <= bytes.length) {
    const size = 12 + readInt32(bytes, length + 8)
    if (bytes[length + 16] !== 2) throw unreadable('it is of a format older than Kafka 0.11', bytes, length)
    if (size < headerBytes) throw unreadable('it says that it is shorter than its header', bytes, length)
    if (length + size > bytes.length) break
    nextOffset = readInt64(bytes, length) + readInt32(bytes, length + 23) + 1
    length += size
  }
  return { length, nextOffset }
}

/** Records of the complete batches at the start of the bytes, control records too; as far as the format is ours. */
export function recordsIn(bytes: Uint8Array): number {
  let records = 0
  for (let at = 0; at + headerBytes <= bytes.length && bytes[at + 16] === 2;) {
    const end = at + 12 + readInt32(bytes, at + 8)
    if (end <= at || end > bytes.length) break
    records += readInt32(bytes, at + 57)
    at = end
  }
  return records
}

/** Iterates records: next() moves on, the fields then describe the current record. */
export class RecordCursor {
  /** What the ranges below point into. */
  bytes: Uint8Array = new Uint8Array(0)
  offset = 0
  /** Milliseconds since the epoch; −1 when the producer set none. */
  timestampMs = 0
  /** Key and value ranges; start is −1 for null. */
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0
  /** Where the header list begins: see readHeader() in record-headers.ts. */
  headersStart = 0

  #batches: Uint8Array = new Uint8Array(0)
  #batchAt = 0
  #aborted: AbortedTransaction[] = []
  #abortedProducers = new Set<number>()
  #at = 0
  #end = 0
  #left = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #appendTime = -1

  /** Starts on complete batches as fetched, with the aborted transactions the broker named for them. */
  open(batches: Uint8Array, aborted: readonly AbortedTransaction[]): void {
    this.#batches = batches
    this.#batchAt = 0
    this.#left = 0
    this.#aborted = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
    this.#abortedProducers.clear()
  }

  /** Moves to the next record that is data of no aborted transaction. @throws DataError KAFKA_BATCH_UNREADABLE */
  next(): boolean {
    while (this.#left === 0) if (!this.#nextBatch()) return false
    this.#left--
    this.#record()
    return true
  }

  // Record => length VARINT, attributes INT8, timestampDelta VARLONG, offsetDelta VARINT,
  //           keyLength VARINT, key, valueLength VARINT, value, headersCount VARINT, [Header]
  #record(): void {
    const length = this.#varint()
    const end = this.#at + length
    if (length < 6 || end > this.#end) throw this.#broken()
    this.#at++
    const timestamp = this.#baseTimestamp + this.#varlong()
    this.timestampMs = this.#appendTime >= 0 ? this.#appendTime : timestamp
    this.offset = this.#baseOffset + this.#varint()
    const keyLength = this.#varint()
    this.keyStart = keyLength < 0 ? -1 : this.#at
    this.#at += Math.max(0, keyLength)
    this.keyEnd = this.#at
    const valueLength = this.#varint()
    this.valueStart = valueLength < 0 ? -1 : this.#at
    this.#at += Math.max(0, valueLength)
    this.valueEnd = this.#at
    this.headersStart = this.#at
    if (this.#at > end) throw this.#broken()
    this.#at = end
  }

  #nextBatch(): boolean {
    const bytes = this.#batches
    const at = this.#batchAt
    if (at >= bytes.length) return false
    const end = at + 12 + readInt32(bytes, at + 8)
    this.#batchAt = end
    const attributes = bytes[at + 22]!
    const producerId = readInt64(bytes, at + 43)
    this.#baseOffset = readInt64(bytes, at)
    this.#noteAborted(this.#baseOffset + readInt32(bytes, at + 23))
    if ((attributes & 0x20) !== 0) {
      this.#noteControl(at, end, producerId)
      return true
    }
    if ((attributes & 0x10) !== 0 && this.#abortedProducers.has(producerId)) return true
    this.#baseTimestamp = readInt64(bytes, at + 27)
    this.#appendTime = (attributes & 0x08) !== 0 ? readInt64(bytes, at + 35) : -1
    this.#left = readInt32(bytes, at + 57)
    this.#openRecords(bytes, at, end)
    return true
  }

  #openRecords(bytes: Uint8Array, at: number, end: number): void {
    const codec = bytes[at + 22]! & 0x07
    if (codec === 0) {
      this.bytes = bytes
      this.#at = at + headerBytes
      this.#end = end
      return
    }
    if (this.#left === 0) return
    try {
      this.bytes = decompress(codec, bytes.subarray(at + headerBytes, end))
    } catch (cause) {
      throw unreadable('it cannot be decompressed', bytes, at, cause)
    }
    this.#at = 0
    this.#end = this.bytes.length
  }

  /** Producers whose aborted transaction has begun by this offset. */
  #noteAborted(lastOffset: number): void {
    while (this.#aborted.length > 0 && this.#aborted[0]!.firstOffset <= lastOffset)
      this.#abortedProducers.add(this.#aborted.shift()!.producerId)
  }

  // Control record key => version INT16, type INT16 (0 abort, 1 commit). An abort ends that producer's
  // transaction: what it writes after is another one.
  #noteControl(at: number, end: number, producerId: number): void {
    this.bytes = this.#batches
    this.#at = at + headerBytes
    this.#end = end
    if (readInt32(this.#batches, at + 57) === 0) return
    this.#record()
    if (this.keyEnd - this.keyStart >= 4 && this.bytes[this.keyStart + 3] === 0)
      this.#abortedProducers.delete(producerId)
  }

  #varint(): number {
    const bytes = this.bytes
    let at = this.#at
    let byte = bytes[at++]!
    let raw = byte & 0x7f
    for (let shift = 7; byte > 0x7f && shift < 35; shift += 7) {
      byte = bytes[at++]!
      raw |= (byte & 0x7f) << shift
    }
    this.#at = at
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** Exact up to 2^53, which no timestamp or offset reaches. */
  #varlong(): number {
    const bytes = this.bytes
    let at = this.#at
    let byte = bytes[at++]!
    let raw = byte & 0x7f
    for (let scale = 128; byte > 0x7f; scale *= 128) {
      byte = bytes[at++]!
      raw += (byte & 0x7f) * scale
    }
    this.#at = at
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
  }

  #broken(): DataError {
    return new DataError('A record does not end where its batch says', {
      code: 'KAFKA_BATCH_UNREADABLE',
      context: { baseOffset: this.#baseOffset },
    })
  }
}

function unreadable(why: string, bytes: Uint8Array, at: number, cause?: unknown): DataError {
  const baseOffset = readInt64(bytes, at)
  return new DataError(`The batch at offset ${baseOffset} cannot be read: ${why}`, {
    code: 'KAFKA_BATCH_UNREADABLE',
    context: { baseOffset },
    cause,
  })
}
