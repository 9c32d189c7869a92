// What the suites of the Kafka source share: topics made and filled by other clients, and a source read to its end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import type { Admin, Message, Producer } from 'kafkajs'
import type { SecretValue } from '#api/secret.ts'
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import { virtualTableSpec } from '#api/virtual-table.ts'
import type { Position } from '#catalog/position.ts'
import { systemClock } from '#common/clock.ts'
import type { DataError } from '#common/errors.ts'
import { silentLogger } from '#common/logger.ts'
import type { ReadLimits, Source, SourceChunk, SourceTable, Split } from '#connectors/connector.ts'
import { kafka } from '#connectors/kafka/connector.ts'
import { kafkaSpec } from '#connectors/kafka/spec.ts'
import { kafkaDir } from '#test/bed/cache.ts'

const { Kafka, Partitioners, logLevel } = kafkajs

export class TopicBed {
  readonly brokers: string[]
  readonly admin: Admin
  readonly producer: Producer
  readonly #client: InstanceType<typeof Kafka>

  constructor(brokers: string[]) {
    this.brokers = brokers
    this.#client = new Kafka({
      brokers,
      logLevel: logLevel.NOTHING,
      retry: { retries: 20, maxRetryTime: 1000 },
    })
    this.admin = this.#client.admin()
    // Idempotent: otherwise a retry while leaders are elected writes records twice.
    this.producer = this.#client.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    })
  }

  async open(): Promise<void> {
    await this.admin.connect()
    await this.producer.connect()
  }

  async close(): Promise<void> {
    await this.producer.disconnect()
    await this.admin.disconnect()
  }

  async createTopic(topic: string, partitions: number): Promise<void> {
    await this.admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] })
  }

  async send(topic: string, messages: Message[]): Promise<void> {
    await this.producer.send({ topic, messages, acks: -1 })
  }

  async transactional(id: string): Promise<Producer> {
    const producer = this.#client.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      transactionalId: id,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    return producer
  }

  /** Writes lines as the Java client does, in its own batches and codec. */
  async sendLines(topic: string, codec: string, lines: readonly string[]): Promise<void> {
    const args = [
      '-Xmx128m',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${join(kafkaDir, 'log4j2.properties')}`,
    ]
    const tool = [
      'org.apache.kafka.tools.ConsoleProducer',
      '--bootstrap-server',
      this.brokers[0]!,
      '--topic',
      topic,
    ]
    const child = spawn(
      'java',
      [...args, '-cp', join(kafkaDir, 'lib', '*'), ...tool, '--compression-codec', codec],
      {
        stdio: ['pipe', 'ignore', 'inherit'],
      },
    )
    child.stdin.end(lines.map(line => `${line}\n`).join(''))
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`the Java producer ended with ${code}`)
  }
}

export interface SourceOptions {
  brokers: readonly string[]
  tables?: readonly object[]
  spec?: object
  secret?: (value: SecretValue) => Promise<string>
  onBadRecord?: (error: DataError) => void
}

export async function openSource(options: SourceOptions): Promise<Source> {
  return kafka.openSource!({
    spec: kafkaSpec.parse({ brokers: options.brokers, ...options.spec }),
    name: 'events',
    job: 'shop.clicks',
    secret: options.secret ?? (async value => value.value ?? ''),
    virtualTables: (options.tables ?? []).map((table): VirtualTableSpec => virtualTableSpec.parse(table)),
    onBadRecord:
      options.onBadRecord ??
      (error => {
        throw error
      }),
    clock: systemClock,
    logger: silentLogger,
  })
}

export async function discovered(source: Source, topic: string): Promise<SourceTable> {
  const found = (await source.discover(new AbortController().signal)).find(({ name }) => name === topic)
  if (found === undefined) throw new Error(`no table ${topic}`)
  return {
    name: topic,
    schema: found.schema,
    positions: new Map(),
    mode: 'snapshotAndStream',
    start: 'earliest',
  }
}

/** The table with the positions that planning begins new splits at, and the splits. */
export async function plan(
  source: Source,
  table: SourceTable,
): Promise<{ table: SourceTable; splits: readonly Split[] }> {
  const { splits, initialPositions } = await source.plan([table], new AbortController().signal)
  const positions = new Map([...table.positions, ...(initialPositions.get(table.name) ?? [])])
  return { table: { ...table, positions }, splits }
}

export interface Row {
  split: string
  sequence: bigint
  operation: number
  values: unknown[]
}

export interface ReadResult {
  rows: Row[]
  positions: Map<string, Position>
  chunks: SourceChunk[]
}

/** Reads all splits at once until `rows` rows came, then until each is caught up. */
export async function read(
  source: Source,
  from: { table: SourceTable; splits: readonly Split[] },
  rows: number,
  limits: ReadLimits = { chunkBytesMax: 64 * 1024, lingerMs: 20 },
): Promise<ReadResult> {
  const result: ReadResult = { rows: [], positions: new Map(from.table.positions), chunks: [] }
  const stop = new AbortController()
  await Promise.all(
    from.splits.map(async split => {
      for await (const chunk of source.read(split, [from.table], limits, stop.signal)) {
        result.chunks.push(chunk)
        result.rows.push(...rowsOf(split.id, chunk))
        if (chunk.position !== null) result.positions.set(split.id, chunk.position)
        if (result.rows.length >= rows) stop.abort()
      }
    }),
  )
  return result
}

function rowsOf(split: string, chunk: SourceChunk): Row[] {
  return chunk.changes.flatMap(({ batch }) =>
    Array.from({ length: batch.length }, (_, row) => ({
      split,
      sequence: batch.sequences[row]!,
      operation: batch.operations?.[row] ?? 0,
      values: batch.columns.map(column => valueAt(column, row)),
    })),
  )
}

function valueAt(column: SourceChunk['changes'][number]['batch']['columns'][number], row: number): unknown {
  if (column.validity !== null && ((column.validity[row >> 3]! >> (row & 7)) & 1) === 0) return null
  switch (column.layout) {
    case 'bits':
      return ((column.values[row >> 3]! >> (row & 7)) & 1) === 1
    case 'binary':
      return Buffer.from(column.data.subarray(column.offsets[row], column.offsets[row + 1])).toString()
    case 'fixed':
    case 'list':
    case 'struct':
      throw new Error(`not read here: ${column.layout}`)
    default:
      return column.values[row]
  }
}
