// The limit of queries in flight over three workers with two lanes each, each worker a process of its own: counted at the
// server, while one is killed and while the master changes.
import { expect } from 'chai'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { LimitedWorkers } from './limited-workers.ts'

const workers = 3
const limit = 2
const rows = 700_000

describe('queries in flight of three workers', () => {
  requires('postgres')
  let server: PostgresServer
  let client: pg.Client
  let limited: LimitedWorkers

  before(async function () {
    this.timeout(120_000)
    server = await startPostgres()
    const postgres = { snapshot: { rangeBytes: 8 * 1024 * 1024 } }
    const limits = { queriesInFlight: limit }
    limited = await LimitedWorkers.open({ jobs: workers, server, limits, postgres, lanes: 2 })
    client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(`
      CREATE TABLE wide (id bigint PRIMARY KEY, note text NOT NULL);
      INSERT INTO wide SELECT i, repeat(md5(i::text), 2) FROM generate_series(1, ${rows}) i;
      ANALYZE wide`)
  })

  after(async function () {
    this.timeout(60_000)
    await limited.close()
    await client.end()
    await server.stop()
  })

  /** How many read the table at a moment, again and again until the signal aborts. */
  async function watch(signal: AbortSignal): Promise<number[]> {
    const counts: number[] = []
    while (!signal.aborted) {
      const { rows: found } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (SELECT%'`,
      )
      counts.push(found[0]!.count)
      await delay(10)
    }
    return counts
  }

  it('are never more than the limit, also while one is killed and the master changes, and all is read', async () => {
    const { master } = limited
    await master.start(1)
    const watching = new AbortController()
    const watched = watch(watching.signal)
    const [first, second, third] = await Promise.all([0, 1, 2].map(index => limited.start(index)))
    const ended = [first!, third!].map(async child => (await once(child, 'exit'))[0] as number)
    await delay(8_000)
    second!.kill('SIGKILL')
    master.removePod('job-1-pod')
    await delay(3_000)
    const { port } = master
    await master.stop()
    await delay(5_000)
    await master.start(2, port)
    expect(await Promise.all(ended), 'exit codes of the others, which read all there is').to.deep.equal([
      0, 0,
    ])
    watching.abort()
    const counts = await watched
    const most = Math.max(...counts)
    console.log(`      ${counts.length} looks, most at a time: ${most}, limit ${limit}`)
    expect(most).to.be.within(1, limit)
  }).timeout(240_000)
})
