// A Kafka cluster in memory, for tests of what is above the client: partitions are lists of batches, and every call
// can be made to fail.
import { setImmediate } from 'node:timers/promises'
import type {
  FetchRequest,
  KafkaClient,
  PartitionOffset,
  TopicInfo,
  TopicPartition,
} from '#connectors/kafka/client.ts'
import { earliest, latest } from '#connectors/kafka/client.ts'
import type { FetchResponse, FetchedPartition } from '#connectors/kafka/fetch-response.ts'
import type { AbortedTransaction } from '#connectors/kafka/record-batch.ts'
import { completeBatches } from '#connectors/kafka/record-batch.ts'
import type { TestRecord } from './batch-writer.ts'
import { writeBatch } from './batch-writer.ts'

export interface FakePartition {
  batches: Buffer[]
  aborted: AbortedTransaction[]
  leader: number
  earliest: number
}

export class FakeKafka implements KafkaClient {
  readonly partitions = new Map<string, FakePartition>()
  readonly requests: { node: number; request: FetchRequest }[] = []
  readonly commits: PartitionOffset[][] = []
  /** Thrown by the next calls of that name, one each. */
  readonly failures: Partial<Record<keyof KafkaClient, Error[]>> = {}
  /** Error code a fetch of this partition gets, by split id. */
  readonly errorCodes = new Map<string, number>()
  /** Topics the user may not describe. */
  readonly forbidden = new Set<string>()
  /** Topics whose partitions are not told. */
  readonly unsettled = new Set<string>()
  deletedGroups: string[] = []
  closed = false

  /** Adds records as one batch; offsets follow the last one. Without records the partition is made. */
  produce(topic: string, partition: number, records: readonly Omit<TestRecord, 'offset'>[]): void {
    const at = this.partition(topic, partition)
    if (records.length === 0) return
    const next = this.end(at)
    at.batches.push(writeBatch(records.map((record, index) => ({ ...record, offset: next + index }))))
  }

  partition(topic: string, partition: number): FakePartition {
    const id = `${topic}/${partition}`
    const known = this.partitions.get(id)
    if (known !== undefined) return known
    const made = { batches: [], aborted: [], leader: 1, earliest: 0 }
    this.partitions.set(id, made)
    return made
  }

  async topics(names: readonly string[] | null): Promise<readonly TopicInfo[]> {
    await this.#step('topics')
    const all = [...new Set([...this.partitions.keys()].map(id => id.slice(0, id.lastIndexOf('/'))))]
    return (names ?? all).map(name => ({
      name,
      internal: name.startsWith('__'),
      missing: !all.includes(name),
      forbidden: this.forbidden.has(name),
      partitions: [...this.partitions]
        .filter(([id]) => id.slice(0, id.lastIndexOf('/')) === name && !this.unsettled.has(name))
        .map(([id, { leader }]) => ({ partition: Number(id.slice(id.lastIndexOf('/') + 1)), leader })),
    }))
  }

  async offsets(partitions: readonly TopicPartition[], time: number): Promise<readonly PartitionOffset[]> {
    await this.#step('offsets')
    return partitions.map(({ topic, partition }) => {
      const at = this.partition(topic, partition)
      const offset =
        time === latest ? this.end(at) : time === earliest ? at.earliest : Math.min(time, this.end(at))
      return { topic, partition, offset }
    })
  }

  async fetch(node: number, request: FetchRequest): Promise<FetchResponse> {
    this.requests.push({ node, request })
    await this.#step('fetch')
    const fetchAll = (): FetchedPartition[] =>
      request.partitions.map((wanted, index) => this.#fetchOne(node, wanted, index === 0))
    const partitions = fetchAll()
    if (partitions.every(({ records, errorCode }) => records.length === 0 && errorCode === 0)) {
      // A long poll, cut short.
      await new Promise(resolve => setTimeout(resolve, Math.min(5, request.waitMs)))
      return { errorCode: 0, partitions: fetchAll() }
    }
    return { errorCode: 0, partitions }
  }

  async commitOffsets(_group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#step('commitOffsets')
    this.commits.push([...offsets])
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#step('deleteGroup')
    this.deletedGroups.push(group)
  }

  async close(): Promise<void> {
    this.closed = true
  }

  end(at: FakePartition): number {
    return at.batches.length === 0 ? at.earliest : completeBatches(at.batches.at(-1)!).nextOffset
  }

  /** As a broker does: the first of a request gets a batch whatever its size, others get it cut short. */
  #fetchOne(node: number, wanted: FetchRequest['partitions'][number], first: boolean): FetchedPartition {
    const { topic, partition, offset, bytesMax } = wanted
    const at = this.partition(topic, partition)
    const end = this.end(at)
    const records: Buffer[] = []
    let size = 0
    for (const batch of at.batches) {
      if (completeBatches(batch).nextOffset <= offset) continue
      const whole = (first && size === 0) || size + batch.length <= bytesMax
      records.push(whole ? batch : batch.subarray(0, Math.max(0, bytesMax - size)))
      size += batch.length
      if (!whole) break
    }
    const outside = offset < at.earliest || offset > end ? 1 : 0
    const errorCode = this.errorCodes.get(`${topic}/${partition}`) ?? (at.leader === node ? outside : 6)
    return {
      topic,
      partition,
      errorCode,
      lastStableOffset: end,
      aborted: at.aborted,
      records: errorCode === 0 ? Buffer.concat(records) : Buffer.alloc(0),
    }
  }

  async #step(name: keyof KafkaClient): Promise<void> {
    await setImmediate()
    const failure = this.failures[name]?.shift()
    if (failure !== undefined) throw failure
  }
}
