// Limits of what there is at a time, over several workers of one PostgreSQL, each worker a process of its own: counted at the
// server, while some are killed and while the master changes.
import { expect } from 'chai'
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { connectionsKept, workerConnectionsMin } from '#api/source-limits.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { LimitedWorkers } from './limited-workers.ts'

const rows = 700_000
const postgres = { snapshot: { rangeBytes: 8 * 1024 * 1024 } }

describe('limits at a time of several workers', () => {
  requires('postgres')
  let server: PostgresServer
  let client: pg.Client
  let limited: LimitedWorkers

  before(async function () {
    this.timeout(120_000)
    server = await startPostgres()
    client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(`
      CREATE TABLE wide (id bigint PRIMARY KEY, note text NOT NULL);
      INSERT INTO wide SELECT i, repeat(md5(i::text), 2) FROM generate_series(1, ${rows}) i;
      ANALYZE wide`)
  })

  let watching: AbortController
  let watched: Promise<void>
  /** What was counted at the server. */
  let counts: number[]

  afterEach(async function () {
    this.timeout(60_000)
    watching.abort()
    await watched
    await limited.close()
  })

  after(async function () {
    this.timeout(60_000)
    await client.end()
    await server.stop()
  })

  /** Counts how many of these the server has at a moment, again and again. */
  function watch(which: string): void {
    watching = new AbortController()
    counts = []
    const { signal } = watching
    const count = async (): Promise<void> => {
      const watcher = new pg.Client({ connectionString: server.url })
      await watcher.connect()
      while (!signal.aborted) {
        const { rows: found } = await watcher.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM pg_stat_activity WHERE ${which}`,
        )
        counts.push(found[0]!.count)
        await delay(10)
      }
      await watcher.end()
    }
    watched = count()
  }

  /** Some seconds after the first of them was seen. */
  async function underWay(ms: number): Promise<void> {
    while (!counts.some(count => count > 0)) await delay(50)
    await delay(ms)
  }

  const exitOf = async (child: ChildProcess): Promise<number> => (await once(child, 'exit'))[0] as number

  it('queries are never more than the limit, also while one is killed and the master changes, and all is read', async () => {
    const limit = 2
    limited = await LimitedWorkers.open({
      jobs: 3,
      server,
      limits: { queriesInFlight: limit },
      postgres,
      lanes: 2,
    })
    const { master } = limited
    await master.start(1)
    watch(`state = 'active' AND query LIKE 'COPY (SELECT%'`)
    const [first, second, third] = await Promise.all([0, 1, 2].map(index => limited.start(index)))
    const ended = [first!, third!].map(exitOf)
    await underWay(2_000)
    limited.lose(1, second!)
    await delay(2_000)
    const { port } = master
    await master.stop()
    await delay(5_000)
    await master.start(2, port)
    expect(await Promise.all(ended), 'exit codes of the others, which read all there is').to.deep.equal([
      0, 0,
    ])
    const most = Math.max(...counts)
    console.log(`      ${counts.length} looks, most at a time: ${most}, limit ${limit}`)
    expect(most).to.be.within(1, limit)
  }).timeout(240_000)

  /** Whether the lake of the job that streams has all that was written by now. */
  async function streamed(): Promise<void> {
    const { rows: mark } = await client.query<{ lsn: string }>(
      `INSERT INTO wide SELECT max(id) + 1, 'new' FROM wide RETURNING pg_current_wal_insert_lsn()::text AS lsn`,
    )
    for (let tries = 0; ; tries++) {
      const { rows: found } = await client.query<{ done: boolean }>(
        'SELECT coalesce(bool_or(confirmed_flush_lsn >= $1), false) AS done FROM pg_replication_slots WHERE NOT temporary',
        [mark[0]!.lsn],
      )
      if (found[0]!.done) return
      if (tries > 600) throw new Error('What was written was never acknowledged')
      await delay(100)
    }
  }

  it('connections are never more than the limit, also while workers are killed and the master changes, and every job gets its turn', async () => {
    const given = 3 * workerConnectionsMin
    const limits = { connections: given + connectionsKept }
    limited = await LimitedWorkers.open({ jobs: 4, server, limits, postgres, lanes: 4, streams: [1] })
    const { master } = limited
    await master.start(1)
    watch(`application_name LIKE 'sluice %'`)
    const [first, stream, third, last] = await Promise.all([0, 1, 2, 3].map(index => limited.start(index)))
    const exits = [first!, last!].map(exitOf)
    await underWay(2_000)
    for (const child of [stream!, third!]) child.kill('SIGKILL')
    const again = await Promise.all([1, 2].map(index => limited.start(index)))
    exits.push(exitOf(again[1]!))
    await delay(2_000)
    const { port } = master
    await master.stop()
    await delay(2_000)
    await master.start(2, port)
    const ended = await Promise.all(exits)
    expect(ended, 'exit codes of those that only copy, which read all there is').to.deep.equal([0, 0, 0])
    await streamed()
    const most = Math.max(...counts)
    console.log(`      ${counts.length} looks, most at a time: ${most}, for workers ${given}`)
    expect(most).to.be.within(workerConnectionsMin, given)
  }).timeout(240_000)
})
