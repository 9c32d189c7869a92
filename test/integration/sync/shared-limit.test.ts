// The limit of a DataSource over eight workers, each a process of its own, that could read three times as much: counted
// between the server and all of them, while one is killed and while the master changes.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { CountingProxy } from '#test/bed/counting-proxy.ts'
import { countRows, startCountingProxy, windowSums } from '#test/bed/counting-proxy.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { LimitedWorkers } from './limited-workers.ts'

const workers = 8
const limit = 4_000
const rows = 150_000
const windowTenths = 100

describe('one limit over eight workers', () => {
  let server: PostgresServer
  let proxy: CountingProxy
  let limited: LimitedWorkers

  before(async function () {
    this.timeout(120_000)
    server = await startPostgres()
    proxy = await startCountingProxy(server, () => countRows(100))
    const postgres = { host: '127.0.0.1', port: proxy.port }
    const limits = { recordsPerSecond: limit }
    limited = await LimitedWorkers.open({ jobs: workers, server, limits, postgres, lanes: 1 })
    const { host, port, user, password, database } = server
    const client = new pg.Client({ host, port, user, password, database })
    await client.connect()
    await client.query('CREATE TABLE wide (id bigint PRIMARY KEY, note text NOT NULL)')
    await client.query(
      `INSERT INTO wide SELECT i, repeat(md5(i::text), 3) FROM generate_series(1, ${rows}) i`,
    )
    await client.query('ANALYZE wide')
    await client.end()
  })

  after(async function () {
    this.timeout(60_000)
    await limited.close()
    await proxy.stop()
    await server.stop()
  })

  /** Seconds later, the rows of the last ten of them. */
  async function rowsAfter(seconds: number, what: string): Promise<number> {
    await delay(seconds * 1000)
    const last = windowSums(proxy.byTenth, windowTenths).at(-1)!
    console.log(`      ${what}: ${last} rows in the last 10 s, limit ${limit * 10}`)
    return last
  }

  it('holds at all times, also while one is killed and while the master changes', async () => {
    const { master } = limited
    await master.start(1)
    const started = await Promise.all(Array.from({ length: workers }, (_, index) => limited.start(index)))
    for (let waited = 0; proxy.byTenth.length === 0 && waited < 900; waited++) await delay(100)
    expect(await rowsAfter(20, 'eight workers')).to.be.greaterThan(0)
    started[3]!.kill('SIGKILL')
    await rowsAfter(15, 'after a worker was killed')
    await limited.start(3)
    await rowsAfter(15, 'when it is back')
    const { port } = master
    await master.stop()
    expect(await rowsAfter(25, 'without a master'), 'floors').to.be.greaterThan(0)
    await master.start(2, port)
    await rowsAfter(25, 'with a new master')
    const sums = windowSums(proxy.byTenth, windowTenths)
    console.log(`      most in any 10 s: ${Math.max(...sums)}`)
    expect(Math.max(...sums)).to.be.at.most(limit * 10 * 1.05)
  }).timeout(400_000)
})
