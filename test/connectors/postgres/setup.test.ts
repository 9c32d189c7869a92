import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { ConfigError, PositionLostError, TransientError } from '#common/errors.ts'
import type { SyncError } from '#common/errors.ts'
import type { Source, SourceChunk, Split } from '#connectors/connector.ts'
import { freePort } from '#scripts/free-port.ts'
import { Job, limits, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { markLog, readAllSnapshots, streamUntilCaughtUp } from './reading.ts'
import { Replica } from './rows.ts'

describe('PostgreSQL source', () => {
  let server: PostgresServer
  let job: Job
  before(async () => {
    // Short, so that the server asks for a sign of life while a test waits.
    server = await startPostgres({ settings: { wal_sender_timeout: '2s' } })
  })
  after(() => server.stop())
  beforeEach(async () => {
    job = await Job.create(server)
  })
  afterEach(() => job.end())

  const slot = async (): Promise<{ slot_name: string; confirmed: string; active: boolean } | undefined> => {
    const { rows } = await job.sql(
      `SELECT slot_name, confirmed_flush_lsn::text AS confirmed, active FROM pg_replication_slots WHERE database = current_database() AND NOT temporary`,
    )
    return rows[0] as { slot_name: string; confirmed: string; active: boolean } | undefined
  }
  const published = async (): Promise<string[]> => {
    const { rows } = await job.sql(
      `SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables ORDER BY 1`,
    )
    return (rows as { name: string }[]).map(({ name }) => name)
  }
  describe('discovers', () => {
    it('permanent tables of people, their keys and sizes, and partitioned ones once', async () => {
      await job.sql(
        'CREATE SCHEMA "Sales.EU"',
        'CREATE TABLE "Sales.EU"."Order Lines" ("Id" int, line int, a text, PRIMARY KEY (line, "Id"))',
        'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)',
        'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)',
        'CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY)',
        'CREATE TABLE nokey (id int NOT NULL)',
        'CREATE VIEW v AS SELECT 1',
        'INSERT INTO nokey SELECT generate_series(1, 10000)',
        'ANALYZE nokey',
      )
      const tables = await (await job.source()).discover(never)
      expect(tables.map(({ name, schema }) => [name, schema.key.join()])).to.deep.equal([
        ['Sales.EU.Order Lines', 'line,Id'],
        ['public.nokey', ''],
        ['public.p', 'id'],
      ])
      expect(tables[0]!.schema.columns.map(({ nullable }) => nullable)).to.deep.equal([false, false, true])
      expect(tables[1]!.estimatedRows).to.equal(10_000)
      expect(tables[1]!.estimatedBytes).to.be.within(300_000, 500_000)
    })

    it('generated columns only as far as the server replicates them', async () => {
      await job.sql(
        'CREATE TABLE t (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED, thrice int GENERATED ALWAYS AS (n * 3) VIRTUAL)',
        'INSERT INTO t VALUES (1, 1)',
      )
      const source = await job.source()
      const replica = new Replica()
      const log = await readAllSnapshots(job, source, replica)
      await job.sql('INSERT INTO t VALUES (2, 2)')
      await streamUntilCaughtUp(job, source, log, replica)
      expect(replica.rows('public.t')).to.deep.equal([
        { id: '1', n: '1', twice: '2' },
        { id: '2', n: '2', twice: '4' },
      ])
    })
  })

  describe('plans', () => {
    it('one slot and one publication of just its tables, however often', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)')
      const source = await job.source()
      const tables = await job.tables(source)
      const first = await source.plan(tables.slice(0, 1), never)
      expect(await published()).to.deep.equal(['public.t'])
      const { slot_name: name } = (await slot())!
      expect(name).to.match(/^sluice_test_job_\d+_[0-9a-f]{8}$/)
      const second = await source.plan(tables, never)
      expect(await published()).to.deep.equal(['public.t', 'public.u'])
      expect(second.splits.map(({ id }) => id)).to.include.members(first.splits.map(({ id }) => id))
      await source.plan(tables.slice(1), never)
      expect(await published()).to.deep.equal(['public.u'])
    })

    it('the same splits again while a snapshot is read', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)')
      const source = await job.source()
      const first = await job.plan(source)
      expect(JSON.stringify(await job.plan(source))).to.equal(JSON.stringify(first))
    })

    it('names for slot and publication that people chose, and a publication they made', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE PUBLICATION everything FOR ALL TABLES')
      const spec = { slotName: `mine_${job.database}`, publicationName: 'everything' }
      const source = await job.source(spec)
      const replica = new Replica()
      const log = await readAllSnapshots(job, source, replica)
      expect((await slot())!.slot_name).to.equal(spec.slotName)
      await job.sql('INSERT INTO t VALUES (1)')
      await streamUntilCaughtUp(job, source, log, replica)
      expect(replica.rows('public.t')).to.have.length(1)
      await source.teardown(never)
      expect(await slot()).to.equal(undefined)
      expect(await published(), 'a publication of people stays').to.deep.equal(['public.t'])
    })

    it('no stream by a publication of people that holds back rows, columns or operations', async () => {
      await job.sql(
        'CREATE TABLE t (id int PRIMARY KEY, a text)',
        'CREATE PUBLICATION rows_only FOR TABLE t WHERE (id > 5)',
        'CREATE PUBLICATION columns_only FOR TABLE t (id)',
        "CREATE PUBLICATION inserts_only FOR TABLE t WITH (publish = 'insert')",
        'CREATE PUBLICATION other',
      )
      for (const publicationName of ['rows_only', 'columns_only', 'inserts_only', 'other']) {
        const error = await errorOf(job.plan(await job.source({ publicationName })))
        expect(error, publicationName).to.be.instanceOf(ConfigError).with.property('code', 'PG_SLOT_CONFLICT')
      }
    })

    it('no stream of tables whose updates it could not tell, and breaks nobody by trying', async () => {
      await job.sql(
        'CREATE TABLE ok (id int PRIMARY KEY)',
        'CREATE TABLE nokey (id int)',
        'CREATE TABLE silent (id int PRIMARY KEY)',
        'ALTER TABLE silent REPLICA IDENTITY NOTHING',
        // The root is told to log all; its leaf does not follow.
        'CREATE TABLE parted (id int) PARTITION BY RANGE (id)',
        'CREATE TABLE leaf PARTITION OF parted FOR VALUES FROM (0) TO (10)',
        'ALTER TABLE parted REPLICA IDENTITY FULL',
      )
      const source = await job.source()
      const error = (await errorOf(job.plan(source))) as SyncError
      expect(error).to.be.instanceOf(ConfigError).with.property('code', 'PG_REPLICA_IDENTITY')
      expect(error.message)
        .to.include('public.nokey')
        .and.to.include('public.silent')
        .and.not.to.include('public.ok')
      await job.sql('INSERT INTO nokey VALUES (1)', 'UPDATE nokey SET id = 2', 'DELETE FROM silent')
    })

    it('no key that deletes do not tell', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL)')
      const source = await job.source()
      const [table] = await job.tables(source)
      const schema = { ...table!.schema, key: ['code'] }
      const error = await errorOf(source.plan([{ ...table!, schema }], never))
      expect(error).to.be.instanceOf(ConfigError).with.property('code', 'PG_REPLICA_IDENTITY')
      await job.sql('ALTER TABLE t REPLICA IDENTITY FULL')
      await source.plan([{ ...table!, schema }], never)
    })

    it('a stream without a snapshot, from now or from the slot on', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)')
      const source = await job.source()
      const splits = await job.plan(source, { mode: 'stream' })
      expect(splits.map(({ id }) => id)).to.deep.equal(['log'])
      await job.sql('INSERT INTO t VALUES (2)')
      const replica = new Replica()
      await streamUntilCaughtUp(job, source, splits[0]!, replica)
      expect(replica.rows('public.t')).to.deep.equal([{ id: '2' }])
      job.positions.clear()
      const error = await errorOf(job.plan(source, { mode: 'stream', start: '2024-01-01T00:00:00Z' }))
      expect(error).to.be.instanceOf(ConfigError).with.property('code', 'SPEC_INVALID')
      await job.plan(source, { mode: 'stream', start: 'earliest' })
      expect(job.positions.get('public.t')!.get('log')).to.equal((await slot())!.confirmed)
    })
  })

  describe('acknowledges', () => {
    let source: Source
    let log: Split
    beforeEach(async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE other (id int)')
      source = await job.source()
      const tables = (await job.tables(source)).filter(({ name }) => name === 'public.t')
      const plan = await source.plan(tables, never)
      for (const [table, positions] of plan.initialPositions)
        for (const [split, position] of positions) job.commit(table, split, position)
      log = plan.splits.at(-1)!
    })

    async function confirmedReaches(lsn: string): Promise<void> {
      for (let attempt = 0; attempt < 100; attempt++) {
        if (source.compare((await slot())!.confirmed, lsn) >= 0) return
        await new Promise(resolve => setTimeout(resolve, 50))
      }
      throw new Error(`The slot stays at ${(await slot())!.confirmed}, before ${lsn}`)
    }

    it('an idle table moves the slot on, without a row of its own', async () => {
      await job.sql('INSERT INTO other SELECT generate_series(1, 10000)')
      const end = await markLog(job)
      const chunks = await streamUntilCaughtUp(job, source, log, new Replica())
      expect(chunks.flatMap(({ changes }) => changes)).to.deep.equal([])
      expect(chunks.length).to.be.greaterThan(0)
      await confirmedReaches(end)
    })

    it('and the slot never passes what was acknowledged, however much was received', async () => {
      const start = (await slot())!.confirmed
      const iterator = source.read(log, await job.tables(source), limits, never)[Symbol.asyncIterator]()
      const positions: string[] = []
      for (let id = 1; id <= 5; id++) {
        await job.sql(`INSERT INTO t VALUES (${id})`, 'INSERT INTO other VALUES (1)')
        for (let got = false; !got;) {
          const chunk = (await iterator.next()).value as SourceChunk
          got = chunk.changes.length > 0
          if (got) positions.push(chunk.position!)
        }
      }
      // Meanwhile the server hears several times how much was received, or it would have hung up.
      await new Promise(resolve => setTimeout(resolve, 2500))
      const { rows } = await job.sql('SELECT write_lsn::text AS written FROM pg_stat_replication')
      expect(source.compare((rows[0] as { written: string }).written, positions[4]!)).to.be.at.least(0)
      expect((await slot())!.confirmed).to.equal(start)
      await source.acknowledge(log, positions[2]!)
      await confirmedReaches(positions[2]!)
      await job.sql('INSERT INTO t VALUES (100)', 'CHECKPOINT')
      await iterator.next()
      expect((await slot())!.confirmed).to.equal(positions[2])
      await source.acknowledge(log, positions[1]!)
      expect((await slot())!.confirmed, 'never backwards').to.equal(positions[2])
      await iterator.return?.(undefined)
    })

    it('tells the lag in bytes', async () => {
      const position = job.positions.get('public.t')!.get('log')!
      await job.sql('INSERT INTO other SELECT generate_series(1, 10000)')
      const { amount, unit } = await source.lag(log, position, never)
      expect(unit).to.equal('bytes')
      expect(amount).to.be.greaterThan(300_000)
      expect((await source.lag(log, await markLog(job), never)).amount).to.be.lessThan(100_000)
    })
  })

  describe('loses its position', () => {
    const lost = async (work: Promise<unknown>, code = 'PG_SLOT_LOST'): Promise<void> => {
      expect(await errorOf(work))
        .to.be.instanceOf(PositionLostError)
        .with.property('code', code)
    }

    it('when the slot was dropped', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)')
      const source = await job.source()
      const log = await readAllSnapshots(job, source, new Replica())
      await job.sql(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()',
      )
      await lost(job.plan(source))
      await lost(streamUntilCaughtUp(job, source, log, new Replica()))
    })

    it('when a table was dropped and made again, or the publication taken away', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)')
      const source = await job.source()
      await readAllSnapshots(job, source, new Replica())
      await job.plan(source)
      await job.sql('DROP TABLE t', 'CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)')
      await lost(job.plan(source), 'PG_PUBLICATION_LOST')
      job.positions.delete('public.t')
      await job.plan(source)
      const { rows } = await job.sql('SELECT pubname FROM pg_publication')
      await job.sql(`DROP PUBLICATION ${(rows[0] as { pubname: string }).pubname}`)
      await lost(job.plan(source), 'PG_PUBLICATION_LOST')
    })

    it('when the slot is past what the target holds', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)')
      const source = await job.source()
      const log = await readAllSnapshots(job, source, new Replica())
      await job.sql(
        'INSERT INTO t VALUES (1)',
        'SELECT pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn()) FROM pg_replication_slots WHERE database = current_database()',
      )
      await lost(job.plan(source))
      await lost(streamUntilCaughtUp(job, source, log, new Replica()))
    })
  })

  describe('fails with a reason when', () => {
    const failure = async (work: Promise<unknown>): Promise<[string, unknown]> => {
      const error = (await errorOf(work)) as SyncError
      return [error.name, error.code]
    }
    const discover = async (changes: Parameters<Job['source']>[0]): Promise<unknown> =>
      (await job.source(changes)).discover(never)

    it('nobody answers', async () => {
      const unreachable = ['TransientError', 'SOURCE_UNREACHABLE']
      expect(await failure(discover({ port: await freePort(server.host) }))).to.deep.equal(unreachable)
      expect(await failure(discover({ host: 'no-such-host.invalid' }))).to.deep.equal(unreachable)
    })

    it('user, password or database are wrong', async () => {
      expect(await failure(discover({ password: { value: 'wrong' } }))).to.deep.equal([
        'ConfigError',
        'SOURCE_AUTH_FAILED',
      ])
      expect(await failure(discover({ user: { value: 'nobody' } }))).to.deep.equal([
        'ConfigError',
        'SOURCE_AUTH_FAILED',
      ])
      expect(await failure(discover({ database: 'nope' }))).to.deep.equal([
        'ConfigError',
        'PG_DATABASE_NOT_FOUND',
      ])
    })

    it('TLS is wanted and the server has none', async () => {
      expect(await failure(discover({ tls: { mode: 'require' } }))).to.deep.equal([
        'ConfigError',
        'SOURCE_TLS_FAILED',
      ])
    })

    it('the user may not read, replicate or publish', async () => {
      const user = `reader_${job.database}`
      await job.sql(`CREATE USER ${user} PASSWORD 'secret'`, 'CREATE TABLE t (id int PRIMARY KEY)')
      const source = await job.source({ user: { value: user }, password: { value: 'secret' } })
      const denied = ['ConfigError', 'PG_PERMISSION_DENIED']
      const error = (await errorOf(job.plan(source))) as SyncError
      expect([error.name, error.code]).to.deep.equal(denied)
      await job.sql(`GRANT CREATE ON DATABASE ${job.database} TO ${user}`, `ALTER TABLE t OWNER TO ${user}`)
      const noReplication = (await errorOf(job.plan(source))) as SyncError
      expect([noReplication.name, noReplication.code]).to.deep.equal(denied)
      await job.sql(`ALTER USER ${user} REPLICATION`, `REVOKE SELECT ON t FROM ${user}`)
      const noSelect = (await errorOf(readAllSnapshots(job, source, new Replica()))) as SyncError
      expect([noSelect.name, noSelect.code]).to.deep.equal(denied)
      expect(noSelect.message).to.include('GRANT SELECT').and.to.include(user)
      await source.close()
    })

    it('a session cannot be read from to the end because the server ends it', async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY)')
      const source = await job.source()
      const log = await readAllSnapshots(job, source, new Replica())
      const reading = errorOf(
        (async () => {
          for await (const chunk of source.read(log, await job.tables(source), limits, never)) void chunk
        })(),
      )
      for (let active = false; !active; active = (await slot())!.active)
        await new Promise(resolve => setTimeout(resolve, 20))
      await job.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active')
      expect(await reading)
        .to.be.instanceOf(TransientError)
        .with.property('code', 'SOURCE_UNREACHABLE')
    })
  })

  it('leaves nothing behind after teardown, also when the slot is read at that moment', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)')
    const source = await job.source()
    const log = await readAllSnapshots(job, source, new Replica())
    await job.sql('INSERT INTO t VALUES (2)')
    const iterator = source.read(log, await job.tables(source), limits, never)[Symbol.asyncIterator]()
    await iterator.next()
    await (await job.source()).teardown(never)
    expect(await slot()).to.equal(undefined)
    expect(await published()).to.deep.equal([])
    await iterator.return?.(undefined)
    await source.teardown(never)
  })
})
