// How fast the Kafka source turns records into columns: 1 M JSON records of 12 fields and about 150 bytes in four
// partitions of a real broker, rows dropped. Prints rows per second and CPU seconds per million rows of this
// process (the broker has its own).
//
//   node bench/kafka-source.ts [ROWS] [CODEC: none|gzip|zstd]
import { zstdCompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'
import type { Position } from '#catalog/position.ts'
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import { kafka } from '#connectors/kafka/connector.ts'
import { kafkaSpec } from '#connectors/kafka/spec.ts'
import type { Source, SourceTable, Split } from '#connectors/connector.ts'
import { startKafka } from '#test/bed/kafka.ts'

const { CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = kafkajs
const rows = Number(process.argv[2] ?? 1_000_000)
const codec = process.argv[3] ?? 'none'
const partitions = 4

let seed = 12345
function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
  return Math.floor((seed / 0x80000000) * below)
}

function record(index: number): string {
  return JSON.stringify({
    id: `k${String(index).padStart(7, '0')}`,
    ts: index + 1,
    rg: ['eu', 'us', 'ap', 'af'][index % 4],
    us: random(100_000),
    sk: `s-${random(9999)}`,
    q: random(100),
    p: random(100_000) / 100,
    c: ['EUR', 'USD', 'JPY'][random(3)],
    st: ['new', 'paid', 'sent', 'done'][random(4)],
    f: random(2) === 1,
    u: 1_790_000_000_000 + index,
    n: `note${random(99_999)}`,
  })
}

async function produce(brokers: string[]): Promise<void> {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
    decompress: async (buffer: Buffer) => buffer,
  })
  const client = new Kafka({ brokers, logLevel: logLevel.ERROR })
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'base', numPartitions: partitions }] })
  await admin.disconnect()
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const compression = {
    none: CompressionTypes.None,
    gzip: CompressionTypes.GZIP,
    zstd: CompressionTypes.ZSTD,
  }
  let bytes = 0
  for (let from = 0; from < rows; from += 5000) {
    const messages = Array.from({ length: Math.min(5000, rows - from) }, (_, at) => {
      const value = record(from + at)
      bytes += value.length
      return { key: value.slice(7, 15), value }
    })
    await producer.send({ topic: 'base', messages, compression: compression[codec as 'none'], acks: 1 })
  }
  await producer.disconnect()
  console.log(`produced ${rows} records of ${(bytes / rows).toFixed(1)} bytes, ${codec}`)
}

async function open(brokers: string[]): Promise<Source> {
  return kafka.openSource!({
    spec: kafkaSpec.parse({ brokers }),
    name: 'bench',
    job: 'bench.kafka',
    secret: async value => value.value ?? '',
    virtualTables: [],
    onBadRecord: error => {
      throw error
    },
    clock: systemClock,
    logger: silentLogger,
  })
}

async function readAll(source: Source, table: SourceTable, splits: readonly Split[]): Promise<number> {
  const stop = new AbortController()
  const counts = await Promise.all(
    splits.map(async split => {
      let count = 0
      const limits = { chunkBytesMax: 8 * 1024 * 1024, lingerMs: 200 }
      for await (const chunk of source.read(split, [table], limits, stop.signal))
        for (const { batch } of chunk.changes) count += batch.length
      return count
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

const server = await startKafka()
try {
  await produce(server.brokers)
  const source = await open(server.brokers)
  const { signal } = new AbortController()
  const [found] = await source.discover(signal)
  console.log(found!.schema.columns.map(({ name, type }) => `${name} ${type.kind}`).join(', '))
  const table: SourceTable = {
    name: 'base',
    schema: found!.schema,
    positions: new Map<string, Position>(),
    mode: 'snapshot',
    start: 'earliest',
  }
  const plan = await source.plan([table], signal)
  const known = { ...table, positions: plan.initialPositions.get('base')! }
  for (let round = 1; round <= 4; round++) {
    const cpuBefore = process.cpuUsage()
    const startedMs = performance.now()
    const count = await readAll(source, known, plan.splits)
    const seconds = (performance.now() - startedMs) / 1000
    const cpu = process.cpuUsage(cpuBefore)
    const cpuSeconds = (cpu.user + cpu.system) / 1e6
    console.log(
      `round ${round}: ${count} rows in ${seconds.toFixed(2)} s, ${Math.round(count / seconds)} rows/s, ` +
        `${((cpuSeconds / count) * 1e6).toFixed(2)} CPU-s/M, RSS ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
    )
  }
  await source.close()
} finally {
  await server.stop()
}
