// How fast PostgreSQL is read and decoded, rows dropped: the pace of extraction alone, on an embedded server on
// the same machine. `node bench/postgres-source.ts [snapshotRows] [streamRows]`; CPU is that of this process.
import { Client } from 'pg'
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import { batchBytes } from '#catalog/change-batch.ts'
import type { Position } from '#catalog/position.ts'
import type { Source, SourceTable, Split } from '#connectors/connector.ts'
import { postgres } from '#connectors/postgres/connector.ts'
import { postgresSpec } from '#connectors/postgres/spec.ts'
import { startEmbeddedPostgres } from '#scripts/embedded-postgres.ts'

const [snapshotRows, streamRows] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 300_000)]
const limits = { chunkBytesMax: 8 * 1024 * 1024, lingerMs: 250 }

const createTable = `CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, name text NOT NULL,
  quantity int NOT NULL, price numeric(12,2) NOT NULL, currency char(3) NOT NULL, note text NOT NULL,
  attributes jsonb, created timestamptz NOT NULL, updated timestamptz NOT NULL, paid boolean NOT NULL, token uuid NOT NULL)`

const fill = (from: number, to: number): string => `INSERT INTO orders
  SELECT i, i % 100000, 'customer ' || i, i % 100, (i % 1000000) / 100.0, 'EUR', repeat(md5(i::text), 12),
    jsonb_build_object('a', i, 'b', 'x'), '2024-01-01'::timestamptz + i * interval '1 second', now(), i % 2 = 0, md5(i::text)::uuid
  FROM generate_series(${from}, ${to}) i`

const server = await startEmbeddedPostgres({
  settings: {
    fsync: 'off',
    shared_buffers: '512MB',
    max_wal_size: '8GB',
    logical_decoding_work_mem: '256MB',
  },
})
try {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  await client.query(createTable)
  await client.query(fill(1, snapshotRows))
  await client.query('VACUUM ANALYZE orders')
  const source = await postgres.openSource!({
    spec: postgresSpec.parse({
      host: server.host,
      port: server.port,
      database: server.database,
      user: { value: server.user },
      password: { value: server.password },
      tls: { mode: 'disable' },
    }),
    name: 'bench',
    job: 'bench.postgres',
    secret: value => Promise.resolve(value.value ?? ''),
    virtualTables: [],
    onBadRecord: error => {
      throw error
    },
    clock: systemClock,
    logger: silentLogger,
  })
  const signal = new AbortController().signal
  const positions = new Map<string, Position>()
  const tables = async (): Promise<SourceTable[]> =>
    (await source.discover(signal)).map(({ name, schema }) => ({
      name,
      schema,
      positions,
      mode: 'snapshotAndStream',
      start: 'latest',
    }))
  const plan = await source.plan(await tables(), signal)
  for (const [split, position] of plan.initialPositions.get('public.orders')!) positions.set(split, position)
  const planned = await tables()
  await measure('snapshot', () => readSnapshot(source, plan.splits, planned))
  const log = plan.splits.find(({ bounded }) => !bounded)!
  for (let from = snapshotRows; from < snapshotRows + streamRows; from += 100_000)
    await client.query(fill(from + 1, Math.min(from + 100_000, snapshotRows + streamRows)))
  await measure('stream, inserts', () => readLog(source, log, planned, streamRows))
  await client.query(`UPDATE orders SET quantity = quantity + 1, updated = now() WHERE id <= ${streamRows}`)
  await measure('stream, updates', () => readLog(source, log, planned, streamRows))
  await source.teardown(signal)
  await source.close()
  await client.end()
} finally {
  await server.stop()
}

interface Read {
  rows: number
  bytes: number
}

async function readSnapshot(source: Source, splits: readonly Split[], tables: SourceTable[]): Promise<Read> {
  const read = { rows: 0, bytes: 0 }
  for (const split of splits.filter(({ bounded }) => bounded))
    for await (const chunk of source.read(split, tables, limits, new AbortController().signal))
      for (const { batch } of chunk.changes) {
        read.rows += batch.length
        read.bytes += batchBytes(batch)
      }
  return read
}

async function readLog(source: Source, log: Split, tables: SourceTable[], rows: number): Promise<Read> {
  const read = { rows: 0, bytes: 0 }
  for await (const chunk of source.read(log, tables, limits, new AbortController().signal)) {
    for (const { batch } of chunk.changes) {
      read.rows += batch.length
      read.bytes += batchBytes(batch)
    }
    if (chunk.position !== null) {
      for (const table of tables) (table.positions as Map<string, Position>).set(log.id, chunk.position)
      await source.acknowledge(log, chunk.position)
    }
    if (read.rows >= rows && chunk.position !== null) break
  }
  return read
}

async function measure(name: string, work: () => Promise<Read>): Promise<void> {
  const [startedMs, cpu] = [systemClock.monotonicMs(), process.cpuUsage()]
  const { rows, bytes } = await work()
  const seconds = (systemClock.monotonicMs() - startedMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const cpuSeconds = (user + system) / 1e6
  console.log(
    `${name}: ${rows} rows, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s = ${Math.round(rows / seconds)} rows/s, ` +
      `${((cpuSeconds / rows) * 1e6).toFixed(2)} CPU-s per million (${(user / 1e6).toFixed(1)} user), ` +
      `RSS ${Math.round(process.memoryUsage.rss() / 1048576)} MiB`,
  )
}
