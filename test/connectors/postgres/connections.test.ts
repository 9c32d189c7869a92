import { expect } from 'chai'
import type pg from 'pg'
import { workerConnectionsMin } from '#api/source-limits.ts'
import { systemClock } from '#common/clock.ts'
import type { ConnectionPermits, ConnectionUse } from '#connectors/read-pace.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { LeasedConnections } from '#worker/leased-connections.ts'
import { RateTally, newRateMemory } from '#worker/rate-memory.ts'
import { Job, connect, limits, never } from './bed.ts'
import { readAllSnapshots, readSplit, streamUntilCaughtUp } from './reading.ts'
import { Replica } from './rows.ts'
import { sharedServer } from './shared-server.ts'

/** Permits as a worker has them with the least it needs; before each it is asked how many the server has. */
class Counted implements ConnectionPermits {
  held = 0
  readonly uses: ConnectionUse[] = []
  /** Counts at the server that were more than those held. */
  readonly excess: string[] = []
  readonly #leased = new LeasedConnections(newRateMemory(), systemClock, new RateTally())
  readonly #count: () => Promise<number>

  constructor(count: () => Promise<number>) {
    this.#count = count
    const rate = workerConnectionsMin
    this.#leased.grant({ number: 1, rate, forMs: Number.MAX_SAFE_INTEGER, floor: rate })
  }

  async enter(use: ConnectionUse, signal: AbortSignal): Promise<() => void> {
    const leave = await this.#leased.enter(use, signal)
    const [open, held] = [await this.#count(), this.held]
    if (open > held) this.excess.push(`${open} open, ${held} held, before one more (${use})`)
    this.held++
    this.uses.push(use)
    return () => {
      this.held--
      leave()
    }
  }
}

describe('PostgreSQL with a limit of connections', () => {
  let server: PostgresServer
  let job: Job
  let onlooker: pg.Client
  let counted: Counted
  before(async () => {
    server = await sharedServer()
  })
  beforeEach(async () => {
    job = await Job.create(server, { snapshot: { rangeBytes: 1024 * 1024 } })
    onlooker = await connect(server, job.database)
    counted = new Counted(async () => {
      const { rows } = await onlooker.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1',
        [`sluice test.${job.database}`],
      )
      return rows[0]!.count
    })
    job.connections = counted
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      `INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 10000) i`,
    )
  })
  afterEach(async () => {
    job.connections = undefined
    await onlooker.end()
    await job.end()
  })

  it('does all its work with the least, and takes none before the server has forgotten the one in whose place it is', async () => {
    const source = await job.source()
    const replica = new Replica()
    const log = await readAllSnapshots(job, source, replica)
    await job.plan(source)
    await job.sql(`INSERT INTO t VALUES (0, 'new')`)
    const chunks = await streamUntilCaughtUp(job, source, log, replica)
    await source.lag(log, chunks.at(-1)!.position!, never)
    expect(replica.rows('public.t')).to.have.length(10_001)
    expect(counted.excess).to.deep.equal([])
    const times = (use: ConnectionUse): number => counted.uses.filter(each => each === use).length
    expect([times('snapshot'), times('reader')], 'one view, three ranges and the log').to.deep.equal([1, 4])
    await source.close()
    expect(counted.held, 'when all is closed').to.equal(0)
  }).timeout(20_000)

  it('counts one that it broke off until the server has noticed', async () => {
    const source = await job.source()
    const [first, second] = await job.plan(source)
    const stop = new AbortController()
    const tables = await job.tables(source)
    const small = { ...limits, chunkBytesMax: 64 * 1024 }
    for await (const chunk of source.read(first!, tables, small, stop.signal)) {
      job.commitChunk(first!, chunk)
      stop.abort()
    }
    expect(counted.held, 'the view, and the range that was left').to.equal(2)
    await readSplit(job, source, second!, new Replica())
    expect(counted.excess).to.deep.equal([])
  }).timeout(20_000)

  it('reads a table that comes in the middle of a snapshot when that is done, and none of its log before', async () => {
    const source = await job.source()
    const replica = new Replica()
    const splits = await job.plan(source)
    await job.sql('CREATE TABLE u (id int PRIMARY KEY)', 'INSERT INTO u VALUES (1)')
    const plan = await source.plan(await job.tables(source), never)
    expect(plan.postponed).to.deep.equal(['public.u'])
    expect(plan.splits.find(({ bounded }) => !bounded)?.tables).to.deep.equal(['public.t'])
    expect(plan.initialPositions.has('public.u')).to.equal(false)
    for (const split of splits.filter(({ bounded }) => bounded)) await readSplit(job, source, split, replica)
    const log = await readAllSnapshots(job, source, replica)
    expect(log.tables).to.have.members(['public.t', 'public.u'])
    await job.sql('INSERT INTO u VALUES (2)')
    await streamUntilCaughtUp(job, source, log, replica)
    expect(replica.rows('public.u').map(row => row['id'])).to.have.members(['1', '2'])
    expect(counted.excess).to.deep.equal([])
  }).timeout(20_000)
})
