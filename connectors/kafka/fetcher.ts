// One fetch loop per broker, shared by all partitions of it that are being read: a request asks for every partition
// that has room, so a hundred splits cost no more round trips than one. Leader changes and lost connections are
// healed here with back-off; what healing cannot cure ends the feed it concerns.
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import type { SyncError } from '#common/errors.ts'
import { ConfigError, TransientError } from '#common/errors.ts'
import { nextDelayMs } from '#common/retry.ts'
import type { ReadPace } from '#connectors/read-pace.ts'
import type { KafkaClient } from './client.ts'
import { earliest, latest } from './client.ts'
import { KafkaError } from './client-errors.ts'
import type { FetchedPartition } from './fetch-response.ts'
import { PartitionFeed } from './partition-feed.ts'
import type { FeedOptions } from './partition-feed.ts'
import { recordsIn } from './record-batch.ts'
import { offsetLost } from './offset-lost.ts'
import { splitId } from './position.ts'

/** How long a broker may hold back an answer when there is nothing to read … */
const idleWaitMs = 500
/** … and when a partition is left out because its reader is busy: it will want more soon. */
const busyWaitMs = 20
const responseBytesMax = 32 * 1024 * 1024
/** A feed that cannot be served for so long fails, so that a person hears of it; the reader then tries again. */
const failAfterMs = 30_000
/** A topic that was just made is unknown to some brokers for a moment. */
const missingAfterMs = 5_000
const backoff = { firstMs: 50, maxMs: 2_000, tries: Infinity }

export interface FetcherServices {
  clock: Clock
  logger: Logger
  pace?: ReadPace | undefined
}

export class Fetcher {
  readonly #client: KafkaClient
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #feeds = new Set<PartitionFeed>()
  /** Running loops by node. */
  readonly #loops = new Map<number, Promise<void>>()
  readonly #stop = new AbortController()
  #locating: Promise<void> | null = null
  #wakeLoops: (() => void)[] = []

  readonly #pace: ReadPace | undefined

  constructor(client: KafkaClient, { clock, logger, pace }: FetcherServices) {
    this.#client = client
    this.#clock = clock
    this.#logger = logger
    this.#pace = pace
  }

  /** Begins to read a partition ahead. Close the feed when done. */
  open(options: FeedOptions): PartitionFeed {
    const feed = new PartitionFeed(options, this.#clock, () => this.#wake())
    this.#feeds.add(feed)
    this.#locate()
    return feed
  }

  close(feed: PartitionFeed): void {
    feed.close()
    this.#feeds.delete(feed)
    this.#wake()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const feed of this.#feeds) this.close(feed)
    this.#wake()
    await Promise.all([this.#locating, ...this.#loops.values()])
  }

  #wake(): void {
    const waiting = this.#wakeLoops
    this.#wakeLoops = []
    for (const wake of waiting) wake()
  }

  /** Finds the leaders of feeds that have none, for as long as there are such feeds. */
  #locate(): void {
    this.#locating ??= this.#locateAll().finally(() => {
      this.#locating = null
      if (this.#homeless().length > 0 && !this.#stop.signal.aborted) this.#locate()
    })
  }

  #homeless(): PartitionFeed[] {
    return [...this.#feeds].filter(feed => feed.leader < 0 && feed.hungry)
  }

  async #locateAll(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const homeless = this.#homeless()
      if (homeless.length === 0) return
      // Not at once for a partition that was just lost: an election takes a moment.
      if (homeless.every(feed => feed.failingSinceMs !== null)) {
        const lastMs = Math.max(...homeless.map(feed => feed.retryDelayMs))
        const delayMs = nextDelayMs(backoff, lastMs, this.#clock.random())
        for (const feed of homeless) feed.retryDelayMs = delayMs
        await this.#clock.sleep(delayMs, this.#stop.signal)
      }
      await this.#findLeaders(homeless)
    }
  }

  async #findLeaders(feeds: readonly PartitionFeed[]): Promise<void> {
    try {
      const topics = await this.#client.topics([...new Set(feeds.map(feed => feed.topic))])
      for (const feed of feeds) {
        const topic = topics.find(({ name }) => name === feed.topic)
        const leader = topic?.partitions.find(({ partition }) => partition === feed.partition)?.leader ?? -1
        if (leader >= 0) this.#settle(feed, leader)
        else this.#suffer(feed, topic === undefined || topic.missing ? missing(feed) : leaderless(feed))
      }
    } catch (error) {
      for (const feed of feeds) this.#suffer(feed, error)
    }
  }

  #settle(feed: PartitionFeed, leader: number): void {
    feed.leader = leader
    if (!this.#loops.has(leader)) this.#loops.set(leader, this.#serve(leader))
    this.#wake()
  }

  /** Keeps a failing feed waiting for a leader, or ends it when it fails for good or for too long. */
  #suffer(feed: PartitionFeed, error: unknown): void {
    feed.leader = -1
    if (feed.closed) return
    const now = this.#clock.monotonicMs()
    feed.failingSinceMs ??= now
    const patienceMs =
      error instanceof ConfigError && error.code === 'TABLE_NOT_FOUND' ? missingAfterMs : failAfterMs
    const lasting =
      !(error instanceof TransientError) &&
      !(error instanceof ConfigError && error.code === 'TABLE_NOT_FOUND')
    if (lasting || now - feed.failingSinceMs >= patienceMs)
      feed.fail(error instanceof Error ? error : new TypeError(String(error)))
    else this.#locate()
  }

  /** The loop of one node: runs while it leads a partition that is being read. */
  async #serve(node: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const led = [...this.#feeds].filter(feed => feed.leader === node)
      if (led.length === 0) {
        this.#loops.delete(node)
        return
      }
      const hungry = led.filter(feed => feed.hungry)
      if (hungry.length === 0) await new Promise<void>(resolve => this.#wakeLoops.push(resolve))
      else await this.#fetchPaced(node, hungry, hungry.length < led.length ? busyWaitMs : idleWaitMs)
    }
  }

  /** Fetches as much as the limits of the source leave, all partitions together. */
  async #fetchPaced(node: number, feeds: readonly PartitionFeed[], waitMs: number): Promise<void> {
    if (this.#pace === undefined) {
      await this.#fetchOnce(node, feeds, { waitMs, bytesMax: responseBytesMax })
      return
    }
    const portion = await this.#pace.next(this.#stop.signal).catch(() => null)
    if (portion === null) return
    const read = { records: 0, bytes: 0 }
    const open = feeds.filter(feed => !feed.closed)
    try {
      const bytesMax = Math.min(responseBytesMax, portion.bytes)
      if (open.length > 0) await this.#fetchOnce(node, open, { waitMs, bytesMax }, read)
    } finally {
      portion.spent(read.records, read.bytes)
    }
  }

  /** Adds what came to `read`. */
  async #fetchOnce(
    node: number,
    feeds: readonly PartitionFeed[],
    { waitMs, bytesMax }: { waitMs: number; bytesMax: number },
    read: { records: number; bytes: number } = { records: 0, bytes: 0 },
  ): Promise<void> {
    const byId = new Map(feeds.map(feed => [splitId(feed.topic, feed.partition), feed]))
    try {
      const response = await this.#client.fetch(node, {
        partitions: feeds.map(feed => ({
          topic: feed.topic,
          partition: feed.partition,
          offset: feed.fetchOffset,
          bytesMax: Math.min(feed.bytesMax, bytesMax),
        })),
        waitMs,
        bytesMax,
      })
      if (response.errorCode !== KafkaError.none) throw refused(response.errorCode)
      for (const fetched of response.partitions) {
        read.records += recordsIn(fetched.records)
        read.bytes += fetched.records.length
        const feed = byId.get(splitId(fetched.topic, fetched.partition))
        if (feed !== undefined && !feed.closed)
          await this.#deliver(feed, fetched).catch((error: unknown) => this.#suffer(feed, error))
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return
      // Once for each time of trouble, not for each try.
      if (feeds.some(feed => feed.failingSinceMs === null))
        this.#logger.warn('Fetching from a Kafka broker failed; trying again', {
          node,
          partitions: feeds.length,
          ...errorFields(error),
        })
      for (const feed of feeds) this.#suffer(feed, error)
    }
  }

  async #deliver(feed: PartitionFeed, fetched: FetchedPartition): Promise<void> {
    if (fetched.errorCode === KafkaError.none) {
      const served = feed.fill(fetched.records, fetched.aborted, fetched.lastStableOffset)
      // To the end of the line: the first in a request always gets a batch, however large, the others what fits.
      if (served && this.#feeds.delete(feed)) this.#feeds.add(feed)
    } else if (fetched.errorCode === KafkaError.offsetOutOfRange)
      this.#suffer(feed, await this.#outOfRange(feed))
    else if (fetched.errorCode === KafkaError.topicAuthorizationFailed) this.#suffer(feed, forbidden(feed))
    else if (fetched.errorCode === KafkaError.unknownTopicOrPartition) this.#suffer(feed, missing(feed))
    else this.#suffer(feed, refused(fetched.errorCode))
  }

  /** A new leader may know less for a moment: only an offset outside the log is lost. */
  async #outOfRange(feed: PartitionFeed): Promise<SyncError> {
    const range = await partitionRange(this.#client, feed)
    if (feed.fetchOffset >= range.earliest && feed.fetchOffset <= range.latest)
      return refused(KafkaError.offsetOutOfRange)
    const { topic, partition, fetchOffset } = feed
    return offsetLost({ topic, partition, offset: fetchOffset, ...range })
  }
}

async function partitionRange(
  client: KafkaClient,
  at: { topic: string; partition: number },
): Promise<{ earliest: number; latest: number }> {
  const partitions = [{ topic: at.topic, partition: at.partition }]
  const [first] = await client.offsets(partitions, earliest)
  const [last] = await client.offsets(partitions, latest)
  return { earliest: first!.offset, latest: last!.offset }
}

function missing(feed: PartitionFeed): ConfigError {
  return new ConfigError(`Kafka has no partition ${feed.topic}/${feed.partition}`, {
    code: 'TABLE_NOT_FOUND',
    context: { topic: feed.topic, partition: feed.partition },
  })
}

function leaderless(feed: PartitionFeed): TransientError {
  return new TransientError(`Partition ${feed.topic}/${feed.partition} has no leader`, {
    code: 'SOURCE_UNREACHABLE',
    context: { topic: feed.topic, partition: feed.partition },
  })
}

function forbidden(feed: PartitionFeed): ConfigError {
  return new ConfigError(`The Kafka user may not read topic ${feed.topic}`, {
    code: 'SOURCE_AUTH_FAILED',
    context: { topic: feed.topic },
  })
}

function refused(kafkaError: number): TransientError {
  return new TransientError('The Kafka broker refused to serve a partition for now', {
    code: 'SOURCE_UNREACHABLE',
    context: { kafkaError },
  })
}
