// Kafka as a source: topics are tables, partitions are splits, and positions are kept by the target. No consumer
// group is joined: the platform assigns splits itself, and a group would be a second opinion.
import type {
  ConnectorContext,
  DiscoveredTable,
  ReadLimits,
  Source,
  SourceChunk,
  SourcePlan,
  SourceTable,
  Split,
  SplitLag,
} from '#connectors/connector.ts'
import type { Position, Positions } from '#catalog/position.ts'
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import { ConfigError, TransientError, invariant } from '#common/errors.ts'
import type { KafkaClient, TopicInfo, TopicPartition } from './client.ts'
import { earliest, latest } from './client.ts'
import { Fetcher } from './fetcher.ts'
import { OffsetCommitter } from './offset-committer.ts'
import { parsePosition, parseSplitId, splitId, streamerCheckpoint } from './position.ts'
import { readPartition } from './partition-reader.ts'
import { RecordDecoder } from './record-decoder.ts'
import { requireResyncable } from './resync.ts'
import { SequenceCounter } from './sequence.ts'
import type { KafkaSpec } from './spec.ts'
import { planTable } from './split-plan.ts'
import type { PartitionRange } from './topic-sampler.ts'
import { TopicSampler } from './topic-sampler.ts'
import { topicTable } from './topic-tables.ts'
import { unreadRecords } from './unread.ts'

/** How long the end offsets of a topic serve for telling lag. */
const endOffsetsAgeMs = 1_000

export class KafkaSource implements Source {
  readonly #context: ConnectorContext<KafkaSpec>
  readonly #client: KafkaClient
  readonly #fetcher: Fetcher
  readonly #sampler: TopicSampler
  readonly #committer: OffsetCommitter | null
  readonly #declared: ReadonlyMap<string, VirtualTableSpec>
  readonly #endOffsets = new Map<string, { atMs: number; offsets: Promise<ReadonlyMap<number, number>> }>()
  /** Topics said to have no columns yet: said once. */
  readonly #unknown = new Set<string>()

  constructor(context: ConnectorContext<KafkaSpec>, client: KafkaClient) {
    this.#context = context
    this.#client = client
    this.#fetcher = new Fetcher(client, context)
    this.#sampler = new TopicSampler(client, context.spec.jsonObjects)
    this.#committer = context.spec.commitOffsets ? new OffsetCommitter(client, context.job, context) : null
    this.#declared = new Map(context.virtualTables.map(table => [table.source.object, table]))
  }

  async discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]> {
    const topics = (await this.#client.topics(null))
      .filter(topic => !topic.internal && !topic.missing && !topic.name.startsWith('__'))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    signal.throwIfAborted()
    const ranges = await this.#ranges(topics)
    const samples = await this.#sampler.sample([...ranges.values()].flat(), signal)
    return topics.flatMap(topic => {
      const found = { name: topic.name, ranges: ranges.get(topic.name) ?? [] }
      const table = topicTable(found, this.#declared.get(topic.name), samples.get(topic.name))
      if (table === null) this.#sayUnknown(topic.name, samples.get(topic.name)?.records ?? 0)
      return table ?? []
    })
  }

  async plan(tables: readonly SourceTable[], signal: AbortSignal): Promise<SourcePlan> {
    const partitionsOfTopic = await this.#partitionsOf(tables, signal)
    const found = tables.map(table => ({ table, partitions: partitionsOfTopic.get(table.name)! }))
    const all = found.flatMap(({ partitions }) => partitions)
    const [first, last] = await Promise.all([this.#offsets(all, earliest), this.#offsets(all, latest)])
    const splits: Split[] = []
    const initialPositions = new Map<string, Positions>()
    for (const { table, partitions } of found) {
      const start = await this.#startOffsets(table, partitions)
      const planned = planTable(
        table,
        partitions.map(at => ({
          partition: at.partition,
          earliest: first.get(keyOf(at))!,
          latest: last.get(keyOf(at))!,
          start: start?.get(keyOf(at)) ?? first.get(keyOf(at))!,
        })),
      )
      splits.push(...planned.splits)
      if (planned.initialPositions.size > 0) initialPositions.set(table.name, planned.initialPositions)
    }
    return { splits, initialPositions }
  }

  checkResync(table: SourceTable): Promise<void> {
    return Promise.resolve(requireResyncable(table))
  }

  read(
    split: Split,
    tables: readonly SourceTable[],
    limits: ReadLimits,
    signal: AbortSignal,
  ): AsyncIterable<SourceChunk> {
    const { topic, partition } = parseSplitId(split.id)
    const table = tables.find(({ name }) => name === topic)
    const stored = table?.positions.get(split.id)
    invariant(
      table !== undefined && stored !== undefined,
      'A split is read from the position the target holds',
      {
        split: split.id,
      },
    )
    const from = parsePosition(stored)
    const sequence = new SequenceCounter(from.sequence)
    const declared = this.#declared.get(topic)
    const decoder = new RecordDecoder({ topic, partition, schema: table.schema, declared, sequence })
    const { onBadRecord, clock } = this.#context
    const read = { topic, partition, from, decoder, sequence, limits, onBadRecord, clock }
    return readPartition(read, this.#fetcher, signal)
  }

  async acknowledge(split: Split, position: Position): Promise<void> {
    this.#committer?.note({ ...parseSplitId(split.id), offset: parsePosition(position).offset })
  }

  compare(a: Position, b: Position): number {
    return parsePosition(a).offset - parsePosition(b).offset
  }

  async lag(split: Split, position: Position, signal: AbortSignal): Promise<SplitLag> {
    const { topic, partition } = parseSplitId(split.id)
    const { offset, end } = parsePosition(position)
    const ends = end === null ? await this.#endsOf(topic) : null
    signal.throwIfAborted()
    return { amount: Math.max(0, (end ?? ends?.get(partition) ?? offset) - offset), unit: 'records' }
  }

  async unread(tables: readonly SourceTable[], signal: AbortSignal): Promise<string | null> {
    const partitions = await this.#partitionsOf(tables, signal)
    return unreadRecords(tables, await this.#client.offsets([...partitions.values()].flat(), latest))
  }

  commitMetadata(table: string, positions: Positions): Readonly<Record<string, string>> {
    const checkpoint = streamerCheckpoint(table, positions)
    // Hudi Streamer's names for it: up to table version 6, and since Hudi 1.0.
    return { 'deltastreamer.checkpoint.key': checkpoint, 'streamer.checkpoint.key.v2': checkpoint }
  }

  async teardown(): Promise<void> {
    if (this.#committer === null) return
    await this.#committer.close()
    await this.#client.deleteGroup(this.#context.job)
  }

  async close(): Promise<void> {
    await this.#committer?.close()
    const stopped = this.#fetcher.stop()
    await this.#client.close()
    await stopped
  }

  async #ranges(topics: readonly TopicInfo[]): Promise<Map<string, PartitionRange[]>> {
    // A partition without a leader cannot be asked now; it is there again at the next look.
    const led = topics.flatMap(topic =>
      topic.partitions
        .filter(({ leader }) => leader >= 0)
        .map(({ partition, leader }) => ({ topic: topic.name, partition, leader })),
    )
    const [first, last] = await Promise.all([this.#offsets(led, earliest), this.#offsets(led, latest)])
    return Map.groupBy(
      led.map(at => ({ ...at, earliest: first.get(keyOf(at))!, latest: last.get(keyOf(at))! })),
      range => range.topic,
    )
  }

  /** Of each table's topic. */
  async #partitionsOf(
    tables: readonly SourceTable[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly TopicPartition[]>> {
    const names = tables.map(({ name }) => name)
    const topics = new Map((await this.#client.topics(names)).map(topic => [topic.name, topic]))
    signal.throwIfAborted()
    return new Map(names.map(name => [name, partitionsOf(topics.get(name), name)]))
  }

  async #startOffsets(
    table: SourceTable,
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, number> | null> {
    if (table.mode !== 'stream' || table.positions.size > 0 || table.start === 'earliest') return null
    if (table.start === 'latest') return this.#offsets(partitions, latest)
    const time = Date.parse(table.start)
    if (Number.isNaN(time))
      throw new ConfigError(`\`start\` is neither earliest, latest nor a time: ${table.start}`, {
        code: 'SPEC_INVALID',
        context: { start: table.start },
      })
    return this.#offsets(partitions, Math.max(0, time))
  }

  async #offsets(partitions: readonly TopicPartition[], time: number): Promise<ReadonlyMap<string, number>> {
    const found = await this.#client.offsets(partitions, time)
    return new Map(found.map(at => [keyOf(at), at.offset]))
  }

  /** End offsets of a topic, asked for once a second at most however many of its splits are looked at. */
  async #endsOf(topic: string): Promise<ReadonlyMap<number, number>> {
    const now = this.#context.clock.monotonicMs()
    const known = this.#endOffsets.get(topic)
    if (known !== undefined && now - known.atMs < endOffsetsAgeMs) return known.offsets
    const offsets = this.#askEnds(topic)
    this.#endOffsets.set(topic, { atMs: now, offsets })
    return offsets
  }

  async #askEnds(topic: string): Promise<ReadonlyMap<number, number>> {
    const [info] = await this.#client.topics([topic])
    const found = await this.#client.offsets(partitionsOf(info, topic), latest)
    return new Map(found.map(at => [at.partition, at.offset]))
  }

  #sayUnknown(topic: string, records: number): void {
    if (this.#unknown.has(topic)) return
    this.#unknown.add(topic)
    const why = records === 0 ? 'it has no records' : 'its records are not JSON objects'
    this.#context.logger.warn(`A topic is no table yet: ${why}, and no VirtualTable declares its columns`, {
      topic,
    })
  }
}

/** At least one: a topic without any would look like one that is read to its end. */
function partitionsOf(topic: TopicInfo | undefined, name: string): TopicPartition[] {
  const context = { topic: name }
  if (topic === undefined || topic.missing)
    throw new ConfigError(`Kafka has no topic ${name}`, { code: 'TABLE_NOT_FOUND', context })
  if (topic.forbidden)
    throw new ConfigError(`The Kafka user may not describe topic ${name}`, {
      code: 'SOURCE_AUTH_FAILED',
      context,
    })
  if (topic.partitions.length === 0)
    throw new TransientError(`Kafka tells no partitions of topic ${name} now`, {
      code: 'SOURCE_UNREACHABLE',
      context,
    })
  return topic.partitions.map(({ partition }) => ({ topic: name, partition }))
}

function keyOf(at: TopicPartition): string {
  return splitId(at.topic, at.partition)
}
