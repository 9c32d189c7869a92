// `protection.limits` of a DataSource against real servers: what is read of it in any ten seconds, counted between the
// server and the worker, or in the target.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { fullestWindow, startCountingProxy } from '#test/bed/counting-proxy.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { folderLake } from './lakes.ts'
import { SluiceProcess } from './sluice-process.ts'
import { postgresSource } from './sources.ts'

const windowSeconds = 10
const most = 1.05

/** The shop database, some jobs over a table each, and the limits of it. */
function shopYaml(server: PostgresServer, port: number, tables: readonly string[], limits: string): string {
  const jobs = tables.map(
    table => `---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${table}}
spec:
  source: {name: shop}
  target: {name: lake}
  tables: [{include: public.${table}}]
  freshness: 1s
  worker: {lanes: 2}
`,
  )
  const spec = `  protection:\n    limits: ${limits}\n`
  return `${postgresSource('shop', { ...server, host: '127.0.0.1', port }, { spec })}${jobs.join('')}`
}

async function makeTable(server: PostgresServer, name: string, rows: number): Promise<void> {
  const { host, port, user, password, database } = server
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  await client.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, note text NOT NULL)`)
  await client.query(
    `INSERT INTO ${name} SELECT i, repeat(md5(i::text), 3) FROM generate_series(1, ${rows}) i`,
  )
  await client.query(`ANALYZE ${name}`)
  await client.end()
}

/** The most rows that came through in ten seconds: what came through stands for the rows, which are all of one size. */
async function rowsInFullestWindow(
  server: PostgresServer,
  { tables, rows, limits }: Snapshot,
): Promise<number> {
  for (const table of tables) await makeTable(server, table, rows)
  const proxy = await startCountingProxy(server)
  const lake = await folderLake()
  const sluice = await SluiceProcess.prepare(shopYaml(server, proxy.port, tables, limits) + lake.yaml)
  try {
    sluice.start()
    await sluice.until(status => status.rowsTotal >= rows)
    if (tables.length > 1) await delay(1_000)
    await sluice.stop()
    return Math.round(fullestWindow(proxy.byTenth, windowSeconds * 10) * tables.length * rows)
  } finally {
    await sluice.kill9()
    await proxy.stop()
    await lake.stop()
  }
}

interface Snapshot {
  tables: string[]
  /** Of each table. */
  rows: number
  limits: string
  perSecond: number
}

const snapshots: readonly Snapshot[] = [
  { tables: ['slow'], rows: 70_000, limits: '{recordsPerSecond: 5000}', perSecond: 5_000 },
  { tables: ['fast'], rows: 700_000, limits: '{recordsPerSecond: 50000}', perSecond: 50_000 },
  { tables: ['one', 'two'], rows: 40_000, limits: '{recordsPerSecond: 5000}', perSecond: 5_000 },
  { tables: ['heavy'], rows: 140_000, limits: '{bytesPerSecond: 1M}', perSecond: 1_000_000 / 124 },
]

// All at the same time, each through a proxy and with a source of its own: most of it is waiting.
describe('limits of a PostgreSQL', function () {
  this.timeout(180_000)
  let server: PostgresServer
  let read: Promise<number>[]
  before(async () => {
    server = await startPostgres()
    read = snapshots.map(snapshot => rowsInFullestWindow(server, snapshot))
    for (const rows of read) rows.catch(() => undefined) // its test tells
  })
  after(async () => {
    await Promise.allSettled(read ?? [])
    await server?.stop()
  })

  for (const [index, { tables, limits, perSecond }] of snapshots.entries())
    it(`${limits} holds for the snapshot of ${tables.join(' and ')}`, async () => {
      const rows = await read[index]
      const limit = Math.round(perSecond * windowSeconds)
      console.log(`      ${rows} rows in the fullest ${windowSeconds} s, limit ${limit}`)
      expect(rows).to.be.at.most(limit * most)
    })
})
