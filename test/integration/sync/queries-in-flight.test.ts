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

  afterEach(() => limited.close()).timeout(60_000)

  after(async function () {
    this.timeout(60_000)
    await client.end()
    await server.stop()
  })

  /** How many of these the server has at a moment, again and again until the signal aborts. */
  async function watch(which: string, signal: AbortSignal): Promise<number[]> {
    const counts: number[] = []
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
    return counts
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
    const watching = new AbortController()
    const watched = watch(`state = 'active' AND query LIKE 'COPY (SELECT%'`, watching.signal)
    const [first, second, third] = await Promise.all([0, 1, 2].map(index => limited.start(index)))
    const ended = [first!, third!].map(exitOf)
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
    const watching = new AbortController()
    const watched = watch(`application_name LIKE 'sluice %'`, watching.signal)
    const [first, stream] = [await limited.start(0), await limited.start(1)]
    const firstEnds = exitOf(first)
    await delay(5_000)
    const [third, last] = [await limited.start(2), await limited.start(3)]
    await delay(3_000)
    for (const child of [stream, third]) child.kill('SIGKILL')
    const again = [await limited.start(1), await limited.start(2)]
    const exits = [firstEnds, exitOf(again[1]!), exitOf(last)]
    await delay(2_000)
    const { port } = master
    await master.stop()
    await delay(2_000)
    await master.start(2, port)
    const ended = await Promise.all(exits)
    expect(ended, 'exit codes of those that only copy, which read all there is').to.deep.equal([0, 0, 0])
    await streamed()
    watching.abort()
    const counts = await watched
    const most = Math.max(...counts)
    console.log(`      ${counts.length} looks, most at a time: ${most}, for workers ${given}`)
    expect(most).to.be.within(workerConnectionsMin, given)
  }).timeout(240_000)
})
