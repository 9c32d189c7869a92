// Writes the offsets the target holds into a consumer group, so that Kafka's own tools show how far a job is. It is
// for people only: nothing ever reads them back, so a failure is a line in the log.
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import { retry } from '#common/retry.ts'
import type { KafkaClient, PartitionOffset } from './client.ts'
import { splitId } from './position.ts'

const intervalMs = 5_000
const tries = { firstMs: 200, maxMs: 1_000, tries: 5 }

export class OffsetCommitter {
  readonly #client: KafkaClient
  readonly #group: string
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #waiting = new Map<string, PartitionOffset>()
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null

  constructor(client: KafkaClient, group: string, context: { clock: Clock; logger: Logger }) {
    this.#client = client
    this.#group = group
    this.#clock = context.clock
    this.#logger = context.logger
  }

  /** Notes an offset; it is written within five seconds, together with the others of that time. */
  note(offset: PartitionOffset): void {
    this.#waiting.set(splitId(offset.topic, offset.partition), offset)
    this.#running ??= this.#flushLater().finally(() => (this.#running = null))
  }

  /** Writes what is noted and stops. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #flushLater(): Promise<void> {
    await this.#clock.sleep(intervalMs, this.#stop.signal)
    const offsets = [...this.#waiting.values()]
    this.#waiting.clear()
    try {
      // The first commit of all makes a cluster set up its coordinators, which takes a moment.
      await retry(async () => this.#client.commitOffsets(this.#group, offsets), tries, {
        clock: this.#clock,
        signal: new AbortController().signal,
      })
    } catch (error) {
      this.#logger.warn('The consumer group could not be told the offsets', {
        group: this.#group,
        ...errorFields(error),
      })
    }
  }
}
