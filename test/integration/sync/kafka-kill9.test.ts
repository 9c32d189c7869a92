// The same for Kafka: an append table must hold every record once, a keyed table the newest of every key, however
// often the worker dies between reading and committing.
import { expect } from 'chai'
import type { Producer } from 'kafkajs'
import { CompressionTypes, Kafka, Partitioners, logLevel } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ColumnType } from '#catalog/types.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { canonicalRow, hashRows } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import type { TestLake } from './lakes.ts'
import { folderLake, s3Lake } from './lakes.ts'
import { Random } from './random.ts'
import { SluiceProcess } from './sluice-process.ts'

const kills = 20
const rollouts = 8
const types: Readonly<Record<string, ColumnType>> = {
  id: { kind: 'int64' },
  page: { kind: 'string' },
  price: { kind: 'decimal', precision: 12, scale: 3 },
  bot: { kind: 'boolean' },
}

interface Row {
  id: number
  page: string
  price: string
  bot: boolean
}

function jobYaml(kafka: BedKafka, lake: TestLake): string {
  const columns =
    '[{name: id, type: int64}, {name: page, type: string}, {name: price, type: "decimal(12,3)"}, {name: bot, type: boolean}]'
  const keyed = columns.replace('type: int64}', 'type: int64, from: key, nullable: false}')
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${kafka.brokers[0]}"]}
---
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
${lake.yaml}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: events-to-lake}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: clicks}, {include: pages}]
  freshness: 1s
  worker: {lanes: 2}
`
}

/** Produces until told to stop; keeps what the tables must then hold. */
class Web {
  readonly clicks: Row[] = []
  readonly pages = new Map<number, Row>()
  readonly #producer: Producer
  readonly #random: Random

  constructor(producer: Producer, random: Random) {
    this.#producer = producer
    this.#random = random
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
      await this.#producer.sendBatch({
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

function json(row: Row): string {
  return `{"id":${row.id},"page":${JSON.stringify(row.page)},"price":${row.price},"bot":${row.bot}}`
}

const hashOf = (rows: Iterable<Row>): RowSetHash =>
  hashRows([...rows].map(row => canonicalRow(types, { ...row })))

interface Trouble {
  random: Random
  /** Gives both topics more partitions; resolves when producers write to them. */
  grow: () => Promise<void>
}

/** Returns the worker that runs in the end. */
type Disturb = (workers: [SluiceProcess, SluiceProcess], trouble: Trouble) => Promise<SluiceProcess>

/** Kills a worker and starts it again. */
const killed: Disturb = async ([sluice], { random }) => {
  for (let kill = 0; kill < kills; kill++) {
    sluice.start()
    await delay(300 + random.below(2200))
    await sluice.kill9()
  }
  sluice.start()
  return sluice
}

/** As a rollout does: the next worker reads from where the one before it stands, which commits on until it stops. */
const rolledOver: Disturb = async (workers, { random }) => {
  let [now, next] = workers
  now.start()
  for (let rollout = 0; rollout < rollouts; rollout++) {
    next.start()
    await delay(1500 + random.below(3000))
    await now.stop()
    ;[now, next] = [next, now]
  }
  return now
}

/** Partitions are added while a worker reads; it finds them, and dies as soon as it reads them. */
const grown: Disturb = async ([sluice], { grow }) => {
  sluice.start()
  await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal > 1000)
  await grow()
  for (const split of ['clicks/11', 'pages/11'])
    for (let tries = 0; !(await sluice.metrics()).includes(`split="${split}"`); tries++) {
      if (tries > 600) throw new Error(`${split} is not read after a minute: ${sluice.log.slice(-2000)}`)
      await delay(100)
    }
  await sluice.kill9()
  sluice.start()
  return sluice
}

const runs = [
  { seed: 11, lakeName: 'file', makeLake: folderLake, what: `${kills} kills`, disturb: killed },
  { seed: 12, lakeName: 'file', makeLake: folderLake, what: `${kills} kills`, disturb: killed },
  { seed: 13, lakeName: 's3', makeLake: s3Lake, what: `${kills} kills`, disturb: killed },
  { seed: 14, lakeName: 'file', makeLake: folderLake, what: `${rollouts} rollouts`, disturb: rolledOver },
  { seed: 15, lakeName: 'file', makeLake: folderLake, what: 'growth to 12 partitions', disturb: grown },
]

describe('Kafka to Hudi, the worker killed at random', () => {
  requires('kafka', 'minio', 'hudi')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  for (const { seed, lakeName, makeLake, what, disturb } of runs)
    it(`holds every record once and the newest of every key over ${what} (seed ${seed}, ${lakeName})`, async function () {
      this.timeout(300_000)
      const random = new Random(seed)
      const broker = await startKafka()
      const lake = await makeLake()
      const kafka = new Kafka({
        clientId: 'web',
        brokers: broker.brokers,
        requestTimeout: 120_000,
        logLevel: logLevel.NOTHING,
      })
      const admin = kafka.admin()
      await admin.connect()
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          { topic: 'clicks', numPartitions: 4 },
          { topic: 'pages', numPartitions: 3 },
        ],
      })
      const producer = kafka.producer({
        createPartitioner: Partitioners.DefaultPartitioner,
        idempotent: true,
        maxInFlightRequests: 1,
        // New partitions are written to soon after they are there.
        metadataMaxAge: 1000,
      })
      await producer.connect()
      const grow = async (): Promise<void> => {
        const topics = ['clicks', 'pages']
        await admin.createPartitions({ topicPartitions: topics.map(topic => ({ topic, count: 12 })) })
        // New partitions have no leader at first.
        const isWritten = async (topic: string): Promise<boolean> => {
          const offsets = await admin.fetchTopicOffsets(topic).catch(() => [])
          return offsets.length === 12 && offsets.every(({ high }) => high !== '0')
        }
        for (const topic of topics) while (!(await isWritten(topic))) await delay(100)
      }
      const web = new Web(producer, random)
      const busy = new AbortController()
      const traffic = web.run(busy.signal)
      const yaml = jobYaml(broker, lake)
      const workers: [SluiceProcess, SluiceProcess] = [
        await SluiceProcess.prepare(yaml),
        await SluiceProcess.prepare(yaml),
      ]
      try {
        const sluice = await disturb(workers, { random, grow })
        await delay(1000)
        busy.abort()
        await traffic
        expect(web.clicks.length, 'records meanwhile').to.be.greaterThan(5000)
        await untilInStep(sluice)
        expect(await sluice.stop(), sluice.log.slice(-2000)).to.equal(0)
        const expected = { clicks: hashOf(web.clicks), pages: hashOf(web.pages.values()) }
        for (const [table, source] of Object.entries(expected)) {
          const { url, s3 } = lake.table(table)
          const options = { columns: Object.keys(types), ...(s3 ? { s3 } : {}) }
          expect(await readers.hashRs(url, options), `${table} by hudi-rs`).to.deep.include(source)
          expect(await readers.hashSpark(url, options), `${table} by Spark`).to.deep.include(source)
        }
      } finally {
        busy.abort()
        await Promise.all(workers.map(worker => worker.kill9()))
        await producer.disconnect()
        await admin.disconnect()
        await broker.stop()
        await lake.stop()
      }
    })
})

/** In step: nothing lags, twice in a row, with time for a fetch in between. */
async function untilInStep(sluice: SluiceProcess): Promise<void> {
  for (let calm = 0; calm < 4; calm++) {
    await sluice.until(
      status =>
        status.phase === 'streaming' &&
        status.tables.length === 2 &&
        status.tables.every(table => table.lagMs === 0),
      90_000,
    )
    await delay(1000)
  }
}
