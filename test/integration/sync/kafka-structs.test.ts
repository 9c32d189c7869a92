// Objects of a topic as structs, from the broker to the readers: sampled, with fields that come later, in a table that
// grows and in one that is updated.
import { expect } from 'chai'
import type { Producer } from 'kafkajs'
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import type { TestLake } from './lakes.ts'
import { folderLake } from './lakes.ts'
import { SluiceProcess } from './sluice-process.ts'

function jobYaml(kafka: BedKafka, lake: TestLake): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${kafka.brokers[0]}"], jsonObjects: struct}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: carts}
spec:
  source: {name: events, object: carts}
  columns:
    - {name: id, type: string, from: key, nullable: false}
    - {name: owner, type: "struct<name: string, born: date>"}
    - {name: labels, type: "map<string,int64>"}
  key: [id]
${lake.yaml}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: events-to-lake}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: orders}, {include: carts}]
  freshness: 1s
  worker: {lanes: 1}
`
}

const orders: { json: string; row: CanonicalRow }[] = [
  {
    json: '{"id":1,"user":{"name":"ann","address":{"zip":"89073"}},"items":[{"sku":"a","qty":2},null]}',
    row: { id: 1, user: { name: 'ann', address: { zip: '89073' } }, items: [{ sku: 'a', qty: 2 }, null] },
  },
  { json: '{"id":2,"user":null,"items":[]}', row: { id: 2, user: null, items: [] } },
  {
    json: '{"id":3,"user":{"address":null},"items":[{"qty":null}]}',
    row: { id: 3, user: { name: null, address: null }, items: [{ sku: null, qty: null }] },
  },
]
const laterOrders: typeof orders = [
  {
    json: '{"id":4,"user":{"address":{"zip":"1","geo":{"lat":1.5}}},"items":[{"tags":["x"],"sku":"b"}]}',
    row: {
      id: 4,
      user: { name: null, address: { zip: '1', geo: { lat: '1.5' } } },
      items: [{ sku: 'b', qty: null, tags: ['x'] }],
    },
  },
]

/** An order of before as the table gives it once it has the fields of the later ones. */
function withLaterFields(row: CanonicalRow): CanonicalRow {
  const user = row['user'] as CanonicalRow | null
  const address = user?.['address'] as CanonicalRow | null
  const items = row['items'] as (CanonicalRow | null)[]
  return {
    id: row['id']!,
    user: user && { name: user['name']!, address: address && { zip: address['zip']!, geo: null } },
    items: items.map(item => item && { ...item, tags: null }),
  }
}

describe('objects of a topic as structs', function () {
  requires('kafka', 'hudi')
  this.timeout(300_000)
  let kafka: BedKafka
  let lake: TestLake
  let readers: HudiReaders
  let producer: Producer
  let sluice: SluiceProcess | null = null
  before(async () => {
    kafka = await startKafka()
    lake = await folderLake()
    readers = await HudiReaders.start()
    const client = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING })
    const admin = client.admin()
    await admin.connect()
    await admin.createTopics({ topics: ['orders', 'carts'].map(topic => ({ topic, numPartitions: 1 })) })
    await admin.disconnect()
    producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
  })
  after(async () => {
    await sluice?.kill9()
    await producer.disconnect()
    await readers.stop()
    await kafka.stop()
    await lake.stop()
  })

  const send = (topic: string, messages: { key?: string; value: string | null }[]): Promise<unknown> =>
    producer.send({ topic, acks: -1, messages })

  /** Runs the job until the table has as many rows, by its own reader. */
  async function run(table: string, rows: number): Promise<void> {
    sluice = await SluiceProcess.prepare(jobYaml(kafka, lake))
    sluice.start()
    for (let tries = 0; (await ownRows(table).catch(() => [])).length !== rows; tries++) {
      if (tries > 300) throw new Error(`${table} has not its rows after a minute: ${sluice.log.slice(-2000)}`)
      await delay(200)
    }
    expect(await sluice.stop()).to.equal(0)
  }

  async function ownRows(table: string): Promise<CanonicalRow[]> {
    const store = await openStore(`file://${lake.table(table).url}`, { clock: systemClock })
    const found: CanonicalRow[] = []
    for await (const batch of (await TableReader.open(store)).read()) found.push(...canonicalRows(batch))
    return found
  }

  async function expectRows(table: string, expected: readonly CanonicalRow[]): Promise<void> {
    const { url } = lake.table(table)
    for (const [who, rows] of [
      ['Sluice', await ownRows(table)],
      ['Spark', await readers.readSpark(url)],
      ['hudi-rs', await readers.readHudiRs(url)],
    ] as const)
      expect(rows.map(withoutOwn).toSorted(), who).to.deep.equal(expected.map(canonicalJson).toSorted())
  }

  it('are sampled, and get the fields that later records have', async () => {
    await send(
      'orders',
      orders.map(({ json }) => ({ value: json })),
    )
    await run('orders', 3)
    await expectRows(
      'orders',
      orders.map(({ row }) => row),
    )
    await send(
      'orders',
      laterOrders.map(({ json }) => ({ value: json })),
    )
    await run('orders', 4)
    await expectRows('orders', [
      ...orders.map(({ row }) => withLaterFields(row)),
      ...laterOrders.map(({ row }) => row),
    ])
  })

  it('are declared with a map beside them, updated and deleted', async () => {
    await send('carts', [
      { key: 'a', value: '{"owner":{"name":"ann","born":"1990-02-01"},"labels":{"x":1}}' },
      { key: 'b', value: '{"owner":{},"labels":{}}' },
      { key: 'c', value: '{"owner":null}' },
    ])
    await run('carts', 3)
    await send('carts', [
      { key: 'a', value: '{"owner":{"name":"eve"},"labels":{"y":null,"z":3}}' },
      { key: 'c', value: null },
      { key: 'd', value: '{"labels":{"only":4}}' },
      { key: 'e', value: '{}' },
    ])
    await run('carts', 4)
    await expectRows('carts', [
      {
        id: 'a',
        owner: { name: 'eve', born: null },
        labels: {
          map: [
            ['y', null],
            ['z', 3],
          ],
        },
      },
      { id: 'b', owner: { name: null, born: null }, labels: { map: [] } },
      { id: 'd', owner: null, labels: { map: [['only', 4]] } },
      { id: 'e', owner: null, labels: null },
    ])
  })
})

function withoutOwn(row: CanonicalRow): string {
  return canonicalJson(Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('_'))))
}
