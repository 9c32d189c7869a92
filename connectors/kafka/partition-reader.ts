// The read of one split: fetched batches into chunks, cut by size and by time. A position belongs to every chunk,
// since a topic partition has no transactions that span its records for a reader of committed ones.
import type { ReadLimits, SourceChunk } from '#connectors/connector.ts'
import type { Clock } from '#common/clock.ts'
import { DataError } from '#common/errors.ts'
import type { Fetcher } from './fetcher.ts'
import type { FetchedRecords, PartitionFeed } from './partition-feed.ts'
import type { KafkaPosition } from './position.ts'
import { formatPosition } from './position.ts'
import { RecordCursor } from './record-batch.ts'
import type { RecordDecoder } from './record-decoder.ts'
import type { SequenceCounter } from './sequence.ts'

export interface PartitionRead {
  topic: string
  partition: number
  from: KafkaPosition
  decoder: RecordDecoder
  sequence: SequenceCounter
  limits: ReadLimits
  onBadRecord: (error: DataError) => void
  clock: Clock
}

/** Bytes of one fetch of one partition: large enough to make requests rare, small enough to hold two. */
const fetchBytesMax = 1024 * 1024
/** Encoded bytes between two looks at the size of the columns; less when chunks are small. */
const lookBytesMax = 64 * 1024

export async function* readPartition(
  read: PartitionRead,
  fetcher: Fetcher,
  signal: AbortSignal,
): AsyncGenerator<SourceChunk, void, void> {
  const { end } = read.from
  if (end !== null && read.from.offset >= end) return
  const feed = fetcher.open({
    topic: read.topic,
    partition: read.partition,
    offset: read.from.offset,
    bytesMax: Math.max(1, Math.min(fetchBytesMax, read.limits.chunkBytesMax)),
  })
  const chunks = new ChunkCutter(read, feed)
  try {
    while (!signal.aborted) {
      const fetched = await feed.next(chunks.waitMs(), signal)
      if (signal.aborted) return
      if (fetched !== null) yield* chunks.take(fetched)
      if (end !== null && chunks.offset >= end) {
        if (chunks.pending) yield chunks.cut()
        return
      }
      if (chunks.due() || chunks.silentAtEnd()) yield chunks.cut()
    }
  } finally {
    fetcher.close(feed)
  }
}

class ChunkCutter {
  /** The offset to read next. */
  offset: number
  readonly #read: PartitionRead
  readonly #feed: PartitionFeed
  readonly #cursor = new RecordCursor()
  /** When the chunk got its first row, or its position moved without one; null when neither. */
  #sinceMs: number | null = null
  #spoken = false
  #newestAtMs = -1
  #unseenBytes = 0

  constructor(read: PartitionRead, feed: PartitionFeed) {
    this.#read = read
    this.#feed = feed
    this.offset = read.from.offset
  }

  /** True when the position moved since the last chunk. */
  get pending(): boolean {
    return this.#sinceMs !== null
  }

  /** How long to wait for more before a chunk is due. */
  waitMs(): number {
    const { limits, clock } = this.#read
    if (this.#sinceMs === null) return limits.lingerMs
    return Math.max(0, this.#sinceMs + limits.lingerMs - clock.monotonicMs())
  }

  /** True when nothing was ever there to say but that there is nothing to read: an idle topic is not a late one. */
  silentAtEnd(): boolean {
    return !this.#spoken && this.#sinceMs === null && this.#feed.caughtUp(this.offset)
  }

  due(): boolean {
    return this.#sinceMs !== null && this.waitMs() === 0
  }

  /** Decodes the records; yields chunks that got full, and what was good before a record that ends the read. */
  *take(fetched: FetchedRecords): Generator<SourceChunk, void, void> {
    const { end } = this.#read.from
    const failure = yield* this.#decodeAll(fetched, end ?? Number.POSITIVE_INFINITY)
    if (failure !== null) {
      if (this.#read.decoder.length > 0) yield this.cut()
      throw failure
    }
    const next = end === null ? fetched.nextOffset : Math.min(fetched.nextOffset, end)
    if (next > this.offset) this.#moveTo(next)
  }

  get #bytesMax(): number {
    const { chunkBytesMax, firstChunkBytesMax = chunkBytesMax } = this.#read.limits
    return this.#spoken ? chunkBytesMax : Math.min(firstChunkBytesMax, chunkBytesMax)
  }

  *#decodeAll(fetched: FetchedRecords, end: number): Generator<SourceChunk, DataError | null, void> {
    const cursor = this.#cursor
    const { decoder } = this.#read
    const lookBytes = Math.min(lookBytesMax, this.#bytesMax / 8)
    try {
      cursor.open(fetched.batches, fetched.aborted)
      while (cursor.next()) {
        if (cursor.offset < fetched.offset) continue
        if (cursor.offset >= end) return null
        this.#decode(cursor)
        if (this.#unseenBytes < lookBytes) continue
        this.#unseenBytes = 0
        if (decoder.byteLength >= this.#bytesMax) yield this.cut()
      }
    } catch (error) {
      if (error instanceof DataError) return error
      throw error
    }
    return null
  }

  #decode(cursor: RecordCursor): void {
    try {
      this.#read.decoder.decode(cursor)
      if (cursor.timestampMs > this.#newestAtMs) this.#newestAtMs = cursor.timestampMs
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      this.#read.onBadRecord(error)
    }
    this.#unseenBytes +=
      cursor.headersStart - Math.max(0, cursor.keyStart < 0 ? cursor.valueStart : cursor.keyStart)
    this.#moveTo(cursor.offset + 1)
  }

  #moveTo(offset: number): void {
    this.offset = offset
    this.#sinceMs ??= this.#read.clock.monotonicMs()
  }

  cut(): SourceChunk {
    const { decoder, topic, sequence, from } = this.#read
    const changes = decoder.length === 0 ? [] : [{ table: topic, truncate: null, batch: decoder.finish() }]
    const chunk: SourceChunk = {
      changes,
      position: formatPosition({ offset: this.offset, sequence: sequence.last, end: from.end }),
      newestAtMs: this.#newestAtMs < 0 ? null : this.#newestAtMs,
      caughtUp: this.#feed.caughtUp(this.offset),
    }
    this.#spoken = true
    this.#sinceMs = null
    this.#newestAtMs = -1
    this.#unseenBytes = 0
    return chunk
  }
}
