// What a reader of one partition pulls from: fetched record batches, at most one fetch ahead of the reader. The
// fetcher fills it; the bound is what keeps a slow reader's memory small.
import type { Clock } from '#common/clock.ts'
import type { AbortedTransaction } from './record-batch.ts'
import { completeBatches } from './record-batch.ts'

export interface FetchedRecords {
  /** Complete record batches; the first may begin before `offset`. */
  batches: Uint8Array
  aborted: readonly AbortedTransaction[]
  /** The offset asked for. */
  offset: number
  /** The offset behind these batches, control records and compacted gaps included. */
  nextOffset: number
}

export interface FeedOptions {
  topic: string
  partition: number
  offset: number
  /** Bytes of one fetch. */
  bytesMax: number
}

export class PartitionFeed {
  readonly topic: string
  readonly partition: number
  readonly bytesMax: number
  /** Where the next fetch begins. */
  fetchOffset: number
  /** Behind the last committed record, as last heard; −1 before the first answer. */
  endOffset = -1
  /** The node to ask; −1 while unknown. */
  leader = -1
  /** When the partition began to fail, monotonic ms; null while it does not. */
  failingSinceMs: number | null = null
  /** The pause before the last try to find its leader. */
  retryDelayMs = 0
  closed = false
  readonly #clock: Clock
  readonly #onTaken: () => void
  #ready: FetchedRecords | null = null
  #failure: Error | null = null
  #arrived: (() => void) | null = null

  constructor(options: FeedOptions, clock: Clock, onTaken: () => void) {
    this.topic = options.topic
    this.partition = options.partition
    this.fetchOffset = options.offset
    this.bytesMax = options.bytesMax
    this.#clock = clock
    this.#onTaken = onTaken
  }

  /** True when there is room for another fetch. */
  get hungry(): boolean {
    return this.#ready === null && this.#failure === null
  }

  /** True when a reader that has everything up to this offset has all there is. */
  caughtUp(offset: number): boolean {
    return this.#ready === null && this.endOffset >= 0 && offset >= this.endOffset
  }

  /** The next records; null when none came within the time or the signal aborted. @throws what the fetcher failed with */
  async next(waitMs: number, signal: AbortSignal): Promise<FetchedRecords | null> {
    if (this.hungry && !signal.aborted) await this.#arrival(waitMs, signal)
    if (this.#ready !== null) {
      const taken = this.#ready
      this.#ready = null
      this.#onTaken()
      return taken
    }
    if (this.#failure !== null) throw this.#failure
    return null
  }

  /** Resolves when the feed has news: records, or only that the end was heard of. */
  async #arrival(waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = new AbortController()
    this.#arrived = resolve
    signal.addEventListener('abort', () => resolve(), { once: true, signal: timer.signal })
    await Promise.race([promise, this.#clock.sleep(waitMs, timer.signal)])
    timer.abort()
    this.#arrived = null
  }

  /**
   * Takes an answer of the broker: a copy, so that the response it is part of can go. False when it brings no
   * complete batch.
   */
  fill(records: Uint8Array, aborted: readonly AbortedTransaction[], endOffset: number): boolean {
    this.failingSinceMs = null
    this.retryDelayMs = 0
    const firstAnswer = this.endOffset < 0
    this.endOffset = endOffset
    const { length, nextOffset } = completeBatches(records)
    if (length > 0) {
      const offset = this.fetchOffset
      this.#ready = {
        batches: Uint8Array.prototype.slice.call(records, 0, length),
        aborted,
        offset,
        nextOffset,
      }
      this.fetchOffset = nextOffset
    }
    if (length > 0 || firstAnswer) this.#arrived?.()
    return length > 0
  }

  fail(error: Error): void {
    this.#failure = error
    this.#arrived?.()
  }

  close(): void {
    this.closed = true
    this.#ready = null
    this.#arrived?.()
  }
}
