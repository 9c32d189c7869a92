// Kafka JSON into the lake: 1 M records of about 150 bytes with 12 fields in 4 partitions, as an append table with
// one and two lanes, and as a keyed table.
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BedKafka } from '#test/bed/kafka.ts'
import type { Result } from '../report.ts'
import { SluiceRun } from '../sluice-run.ts'
import { kafkaJob } from './manifests.ts'

export const recordCount = 1_000_000
export const topic = 'base'
const sendSize = 5000

/** Fills the topic; returns the mean record size in bytes. */
export async function fillTopic(broker: BedKafka): Promise<number> {
  const kafka = new Kafka({ clientId: 'bench', brokers: broker.brokers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 4 }] })
  await admin.disconnect()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const below = generator(12345)
  let bytes = 0
  for (let start = 0; start < recordCount; start += sendSize) {
    const messages = Array.from({ length: sendSize }, (_, n) => {
      const value = record(start + n, below)
      bytes += value.length
      return { key: value.slice(7, 15), value }
    })
    await producer.send({ topic, messages, acks: 1 })
  }
  await producer.disconnect()
  return bytes / recordCount
}

function generator(seed: number): (bound: number) => number {
  let state = seed
  return bound => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * bound)
  }
}

function record(n: number, below: (bound: number) => number): string {
  const pick = (...choices: string[]): string => choices[below(choices.length)]!
  return JSON.stringify({
    id: `k${String(n).padStart(7, '0')}`,
    ts: n + 1,
    rg: ['eu', 'us', 'ap', 'af'][n % 4],
    us: below(100_000),
    sk: `s-${below(9999)}`,
    q: below(100),
    p: below(100_000) / 100,
    c: pick('EUR', 'USD', 'JPY'),
    st: pick('new', 'paid', 'sent', 'done'),
    f: below(2) === 1,
    u: 1_790_000_000_000 + n,
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

const cases = [
  { scenario: 'Kafka JSON → append', lanes: 1, key: '' },
  { scenario: 'Kafka JSON → append', lanes: 2, key: '' },
  { scenario: 'Kafka JSON → keyed MERGE_ON_READ', lanes: 1, key: 'id' },
]

export async function kafkaScenarios(broker: BedKafka, onResult: (result: Result) => void): Promise<void> {
  for (const { scenario, lanes, key } of cases) {
    const lake = await mkdtemp(join(tmpdir(), 'sluice-bench-lake-'))
    const virtualTable = `{source: {name: source, object: ${topic}}, columns: [${columns.join(', ')}], key: [${key}]}`
    const run = await SluiceRun.start(
      kafkaJob(broker.brokers, lake, { lanes, freshness: '5s', table: `{include: ${topic}}` }, virtualTable),
    )
    try {
      onResult({
        scenario,
        engine: `Sluice, ${lanes} lane${lanes > 1 ? 's' : ''}`,
        note: '',
        ...(await run.untilRows(recordCount)),
      })
    } finally {
      await run.stop()
      await rm(lake, { recursive: true, force: true })
    }
  }
}
