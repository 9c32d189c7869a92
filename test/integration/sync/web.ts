// Two topics that tests keep busy: `clicks`, whose table holds every record, and `pages`, whose table holds the newest of
// every key, in batches of all sizes, packed and not, with values that are easy to get wrong.
import type { Admin, Producer, ProducerBatch } from 'kafkajs'
import { CompressionTypes, Kafka, Partitioners, logLevel } from 'kafkajs'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ColumnType } from '#catalog/types.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { canonicalRow, hashRows } from '#test/bed/canonical.ts'
import type { TestLake } from './lakes.ts'
import type { Random } from './random.ts'

const types: Readonly<Record<string, ColumnType>> = {
  id: { kind: 'int64' },
  page: { kind: 'string' },
  price: { kind: 'decimal', precision: 12, scale: 3 },
  bot: { kind: 'boolean' },
}

export interface Row {
  id: number
  page: string
  price: string
  bot: boolean
}

export const webColumns = Object.keys(types)

/** The two topics as tables, of the DataSource `events`. */
export function virtualTables(): string {
  const columns =
    '[{name: id, type: int64}, {name: page, type: string}, {name: price, type: "decimal(12,3)"}, {name: bot, type: boolean}]'
  const keyed = columns.replace('type: int64}', 'type: int64, from: key, nullable: false}')
  return `---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: clicks}
spec:
  source: {name: events, object: clicks}
  columns: ${columns}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: pages}
spec:
  source: {name: events, object: pages}
  columns: ${keyed}
  key: [id]
`
}

/** The job that keeps both in step in a lake; `worker` as the SyncJob has it, `spec`: further lines of it. */
export function webJob(broker: string, lake: TestLake, worker: string, spec = ''): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${broker}"]}
${virtualTables()}${lake.yaml}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: events-to-lake}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: clicks}, {include: pages}]
  freshness: 1s
  worker: ${worker}
${spec}`
}

/** Produces to both topics; keeps what the tables must then hold. */
export class Web {
  readonly clicks: Row[] = []
  readonly pages = new Map<number, Row>()
  readonly #kafka: Kafka
  readonly #admin: Admin
  readonly #random: Random
  /** Null: the last one is of no more use. */
  #producer: Producer | null

  private constructor(kafka: Kafka, clients: { admin: Admin; producer: Producer }, random: Random) {
    this.#kafka = kafka
    this.#admin = clients.admin
    this.#producer = clients.producer
    this.#random = random
  }

  /** Makes the topics. */
  static async open(brokers: string[], random: Random, partitions = { clicks: 4, pages: 3 }): Promise<Web> {
    const kafka = new Kafka({ clientId: 'web', brokers, requestTimeout: 120_000, logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    const topics = Object.entries(partitions).map(([topic, numPartitions]) => ({ topic, numPartitions }))
    await admin.createTopics({ waitForLeaders: true, topics })
    return new Web(kafka, { admin, producer: await connectedProducer(kafka) }, random)
  }

  async close(): Promise<void> {
    await this.#producer?.disconnect()
    await this.#admin.disconnect()
  }

  /** Gives the topics so many partitions; resolves when run() writes to all of them. */
  async grow(clicks: number, pages = clicks): Promise<void> {
    const topicPartitions = Object.entries({ clicks, pages }).map(([topic, count]) => ({ topic, count }))
    await this.#admin.createPartitions({ topicPartitions })
    // New partitions have no leader at first.
    const isWritten = async (topic: string, count: number): Promise<boolean> => {
      const offsets = await this.#admin.fetchTopicOffsets(topic).catch(() => [])
      return offsets.length === count && offsets.every(({ high }) => high !== '0')
    }
    for (const { topic, count } of topicPartitions) while (!(await isWritten(topic, count))) await delay(100)
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const clicks = Array.from({ length: 1 + this.#random.below(200) }, () => this.#row(this.clicks.length))
      const pages = Array.from({ length: 1 + this.#random.below(100) }, () =>
        this.#row(this.#random.below(3000)),
      )
      const gone = new Set(pages.filter(() => this.#random.next() < 0.1))
      clicks.forEach(row => this.clicks.push({ ...row, id: this.clicks.length }))
      const start = this.clicks.length - clicks.length
      await this.#produce({
        acks: -1,
        compression: this.#random.next() < 0.5 ? CompressionTypes.GZIP : CompressionTypes.None,
        topicMessages: [
          { topic: 'clicks', messages: this.clicks.slice(start).map(row => ({ value: json(row) })) },
          {
            topic: 'pages',
            messages: pages.map(row => ({ key: String(row.id), value: gone.has(row) ? null : json(row) })),
          },
        ],
      })
      for (const row of pages)
        if (gone.has(row)) this.pages.delete(row.id)
        else this.pages.set(row.id, row)
      await delay(this.#random.below(20))
    }
  }

  /** What is in the topic `clicks`: where a broker died or a partition had no leader, some records may be there twice. */
  async recordedClicks(): Promise<Row[]> {
    const ends = new Map(
      (await this.#admin.fetchTopicOffsets('clicks')).map(({ partition, high }) => [partition, BigInt(high)]),
    )
    for (const [partition, end] of ends) if (end === 0n) ends.delete(partition)
    const consumer = this.#kafka.consumer({ groupId: `web-${randomUUID()}` })
    await consumer.connect()
    await consumer.subscribe({ topics: ['clicks'], fromBeginning: true })
    const rows: Row[] = []
    const done = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        rows.push(readClick(message.value))
        if (BigInt(message.offset) + 1n === ends.get(partition)) ends.delete(partition)
        if (ends.size === 0) done.resolve()
      },
    })
    await done.promise
    await consumer.disconnect()
    return rows
  }

  /** Until the broker has it all. */
  async #produce(batch: ProducerBatch): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        this.#producer ??= await connectedProducer(this.#kafka)
        await this.#producer.sendBatch(batch)
        return
      } catch (error) {
        if (tries === 100) throw error
        // An idempotent producer whose request failed for good may not go on with its sequence numbers.
        await this.#producer?.disconnect().catch(() => undefined)
        this.#producer = null
        await delay(200)
      }
    }
  }

  #row(id: number): Row {
    const cents = this.#random.below(100_000_000)
    return {
      id,
      page: `/p/${this.#random.below(999)}/é"\\\n😀`,
      price: (cents / 1000).toFixed(3),
      bot: this.#random.next() < 0.3,
    }
  }
}

async function connectedProducer(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
    // New partitions are written to soon after they are there.
    metadataMaxAge: 1000,
  })
  await producer.connect()
  return producer
}

/** The price as the text that stands there: as a number it would lose its last zeros. */
function readClick(value: Buffer | null): Row {
  const text = String(value)
  const { id, page, bot } = JSON.parse(text) as Row
  return { id, page, bot, price: /"price":([\d.]+)/.exec(text)![1]! }
}

function json(row: Row): string {
  return `{"id":${row.id},"page":${JSON.stringify(row.page)},"price":${row.price},"bot":${row.bot}}`
}

export const hashOfWeb = (rows: Iterable<Row>): RowSetHash =>
  hashRows([...rows].map(row => canonicalRow(types, { ...row })))
