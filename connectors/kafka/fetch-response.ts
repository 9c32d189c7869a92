// Reads a Fetch response (version 11, Kafka 2.3 and later) without touching the records in it.
// https://kafka.apache.org/protocol.html#The_Messages_Fetch
import type { AbortedTransaction } from './record-batch.ts'
import { readInt16, readInt32, readInt64 } from './wire.ts'

export interface FetchedPartition {
  topic: string
  partition: number
  errorCode: number
  /** Readers of committed records get no further than this. −1 when unknown. */
  lastStableOffset: number
  aborted: AbortedTransaction[]
  /** Record batches as stored, the last one perhaps cut short. A view of the response. */
  records: Uint8Array
}

export interface FetchResponse {
  /** Not 0 when the whole request was refused. */
  errorCode: number
  partitions: FetchedPartition[]
}

// FetchResponse => throttleTimeMs INT32, errorCode INT16, sessionId INT32, [topic]
//   topic => name STRING, [partition]
//   partition => index INT32, errorCode INT16, highWatermark INT64, lastStableOffset INT64,
//                logStartOffset INT64, [producerId INT64, firstOffset INT64], preferredReadReplica INT32, records BYTES
/** @throws RangeError when it ends before its counts say */
export function readFetchResponse(bytes: Uint8Array): FetchResponse {
  const partitions: FetchedPartition[] = []
  let at = 10
  // Steps over `size` bytes; returns where they start.
  const skip = (size: number): number => {
    if (size < 0 || at + size > bytes.length) throw new RangeError('a Fetch response is cut short')
    return (at += size) - size
  }
  const int16 = (): number => readInt16(bytes, skip(2))
  const int32 = (): number => readInt32(bytes, skip(4))
  const int64 = (): number => readInt64(bytes, skip(8))
  for (let topics = int32(); topics > 0; topics--) {
    const topic = Buffer.from(bytes.subarray(skip(int16()), at)).toString()
    for (let count = int32(); count > 0; count--) {
      const partition = int32()
      const errorCode = int16()
      skip(8)
      const lastStableOffset = int64()
      skip(8)
      const aborted: AbortedTransaction[] = []
      for (let left = int32(); left > 0; left--) aborted.push({ producerId: int64(), firstOffset: int64() })
      skip(4)
      const records = bytes.subarray(skip(Math.max(0, int32())), at)
      partitions.push({
        topic,
        partition,
        errorCode,
        lastStableOffset,
        aborted,
        records,
      })
    }
  }
  return { errorCode: readInt16(bytes, 4), partitions }
}
