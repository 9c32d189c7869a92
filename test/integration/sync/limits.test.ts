// `protection.limits` of a DataSource against real servers: what is read of it in any ten seconds, counted between the
// server and the worker, or in the target.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { CountingProxy } from '#test/bed/counting-proxy.ts'
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

/** What came through the proxy stands for the rows, which are all of one size. */
function expectKept(proxy: CountingProxy, rows: number, perSecond: number): void {
  const inWindow = fullestWindow(proxy.byTenth, windowSeconds * 10) * rows
  const limit = perSecond * windowSeconds
  console.log(
    `      ${Math.round(inWindow)} rows in the fullest ${windowSeconds} s, limit ${Math.round(limit)}`,
  )
  expect(inWindow).to.be.at.most(limit * most)
}

describe('limits of a PostgreSQL', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  const snapshots: { tables: string[]; rows: number; limits: string; perSecond: number }[] = [
    { tables: ['slow'], rows: 70_000, limits: '{recordsPerSecond: 5000}', perSecond: 5_000 },
    { tables: ['fast'], rows: 700_000, limits: '{recordsPerSecond: 50000}', perSecond: 50_000 },
    { tables: ['one', 'two'], rows: 40_000, limits: '{recordsPerSecond: 5000}', perSecond: 5_000 },
    { tables: ['heavy'], rows: 140_000, limits: '{bytesPerSecond: 1M}', perSecond: 1_000_000 / 124 },
  ]
  for (const { tables, rows, limits, perSecond } of snapshots)
    it(`${limits} holds for the snapshot of ${tables.join(' and ')}`, async () => {
      for (const table of tables) await makeTable(server, table, rows)
      const proxy = await startCountingProxy(server)
      const lake = await folderLake()
      const sluice = await SluiceProcess.prepare(shopYaml(server, proxy.port, tables, limits) + lake.yaml)
      try {
        sluice.start()
        await sluice.until(status => status.rowsTotal >= rows)
        if (tables.length > 1) await delay(1_000)
        await sluice.stop()
        expectKept(proxy, tables.length * rows, perSecond)
      } finally {
        await sluice.kill9()
        await proxy.stop()
        await lake.stop()
      }
    }).timeout(180_000)
})
