// Kafka JSON into the lake: 1 M records of about 150 bytes with 12 fields in 4 partitions, as an append table with
// one and two lanes and as keyed tables; then, by a fresh process each, 200,000 records more that update rows of the
// keyed tables, drawn uniformly. And 3 M records with two lanes: of 1 M, half goes while V8 still warms up.
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import { join } from 'node:path'
import type { BedKafka } from '#test/bed/kafka.ts'
import { drawRows } from '../lake/key-draws.ts'
import type { Result } from '../report.ts'
import { SluiceRun } from '../sluice-run.ts'
import { kafkaJob } from './manifests.ts'

export const recordCount = 1_000_000
export const updateCount = 200_000
const largeCount = 3_000_000
const sendSize = 5000

/** What the topic holds that the tables do not have yet. */
export interface TopicState {
  topic: string
  scenario: string
  records: number
  /** Distinct keys of those records. */
  keys: number
  /** The tables it is read into. */
  cases: readonly Case[]
}

/** Fills the topic. */
export async function fillTopic(broker: BedKafka): Promise<TopicState> {
  await newRows(broker, 'base', recordCount)
  const cases = [appendCase, { ...appendCase, lanes: 2 }, ...keyedCases]
  return { topic: 'base', scenario: '1 M rows from Kafka', records: recordCount, keys: recordCount, cases }
}

export async function fillLargeTopic(broker: BedKafka): Promise<TopicState> {
  await newRows(broker, 'large', largeCount)
  const cases = [{ ...appendCase, lanes: 2 }]
  return { topic: 'large', scenario: '3 M rows from Kafka', records: largeCount, keys: largeCount, cases }
}

async function newRows(broker: BedKafka, topic: string, count: number): Promise<void> {
  const kafka = new Kafka({ clientId: 'bench', brokers: broker.brokers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 4 }] })
  await admin.disconnect()
  await send(kafka, topic, count, at => ({ row: at, ts: at + 1 }))
}

/** Appends updates of the rows. */
export async function updateTopic(broker: BedKafka): Promise<TopicState> {
  const kafka = new Kafka({ clientId: 'bench', brokers: broker.brokers, logLevel: logLevel.NOTHING })
  const rows = drawRows(recordCount, updateCount, 'uniform', 1)
  await send(kafka, 'base', updateCount, at => ({ row: rows[at]!, ts: 2 * recordCount + at }))
  const keys = new Set(rows).size
  return { topic: 'base', scenario: 'then 200,000 updates', records: updateCount, keys, cases: keyedCases }
}

async function send(
  kafka: Kafka,
  topic: string,
  count: number,
  recordAt: (at: number) => { row: number; ts: number },
): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const below = generator(12345)
  for (let start = 0; start < count; start += sendSize) {
    const messages = Array.from({ length: Math.min(sendSize, count - start) }, (_, n) => {
      const value = record(recordAt(start + n), below)
      return { key: value.slice(7, 15), value }
    })
    await producer.send({ topic, messages, acks: 1 })
  }
  await producer.disconnect()
}

function generator(seed: number): (bound: number) => number {
  let state = seed
  return bound => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * bound)
  }
}

function record({ row, ts }: { row: number; ts: number }, below: (bound: number) => number): string {
  const pick = (...choices: string[]): string => choices[below(choices.length)]!
  return JSON.stringify({
    id: `k${String(row).padStart(7, '0')}`,
    ts,
    rg: ['eu', 'us', 'ap', 'af'][row % 4],
    us: below(100_000),
    sk: `s-${below(9999)}`,
    q: below(100),
    p: below(100_000) / 100,
    c: pick('EUR', 'USD', 'JPY'),
    st: pick('new', 'paid', 'sent', 'done'),
    f: below(2) === 1,
    u: 1_790_000_000_000 + ts,
    n: `note${below(99_999)}`,
  })
}

const columns = [
  'id: string',
  'ts: int64',
  'rg: string',
  'us: int32',
  'sk: string',
  'q: int32',
  'p: float64',
  'c: string',
  'st: string',
  'f: boolean',
  'u: int64',
  'n: string',
].map(column => `{name: "${column.split(': ')[0]}", type: ${column.split(': ')[1]}}`)

interface Case {
  table: string
  lanes: number
  key: 'id' | ''
  /** Of the entry of `tables`. */
  hudi: string
}

const appendCase: Case = { table: 'append', lanes: 1, key: '', hudi: '{}' }

const keyedCases: readonly Case[] = [
  { table: 'keyed MERGE_ON_READ', lanes: 1, key: 'id', hudi: '{tableType: MERGE_ON_READ}' },
  { table: 'keyed COPY_ON_WRITE', lanes: 1, key: 'id', hudi: '{tableType: COPY_ON_WRITE}' },
]

/** @param root where the tables are from one state of the topic to the next */
export async function kafkaScenarios(
  broker: BedKafka,
  root: string,
  state: TopicState,
  onResult: (result: Result) => void,
): Promise<void> {
  const { topic, cases } = state
  for (const { table, lanes, key, hudi } of cases) {
    const lake = join(root, `${topic}-${table}-${lanes}`.replaceAll(' ', '-'))
    const virtualTable = `{source: {name: source, object: ${topic}}, columns: [${columns.join(', ')}], key: [${key}]}`
    const entry = `{include: ${topic}, target: {hudi: ${hudi}}}`
    const run = await SluiceRun.start(
      kafkaJob(broker.brokers, lake, { lanes, freshness: '5s', table: entry }, virtualTable),
    )
    try {
      const measured = await run.untilRows(state.keys, { caughtUp: state.keys < state.records })
      onResult({
        scenario: `${state.scenario} → ${table}`,
        engine: `Sluice, ${lanes} lane${lanes > 1 ? 's' : ''}`,
        note: '',
        ...measured,
        rows: state.records,
      })
    } finally {
      await run.stop()
    }
  }
}
