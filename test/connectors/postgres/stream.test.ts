import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { Operation, batchBytes } from '#catalog/change-batch.ts'
import type { Source, SourceChunk, Split } from '#connectors/connector.ts'
import { ConfigError, TransientError } from '#common/errors.ts'
import { Job, limits, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { readAllSnapshots, readSplit, streamUntilCaughtUp } from './reading.ts'
import type { Row } from './rows.ts'
import { Replica, rowsOf } from './rows.ts'
import { sharedServer } from './shared-server.ts'

describe('PostgreSQL stream', () => {
  let server: PostgresServer
  let job: Job
  let source: Source
  let replica: Replica
  before(async () => {
    server = await sharedServer()
  })
  beforeEach(async () => {
    job = await Job.create(server)
    source = await job.source()
    replica = new Replica()
  })
  afterEach(() => job.end())

  const begin = async (...statements: string[]): Promise<Split> => {
    await job.sql(...statements)
    return readAllSnapshots(job, source, replica)
  }
  const stream = (log: Split): Promise<SourceChunk[]> => streamUntilCaughtUp(job, source, log, replica)
  const rowsIn = (chunks: SourceChunk[]): Row[] =>
    chunks.flatMap(({ changes }) => changes.flatMap(({ batch }) => rowsOf(batch)))

  it('tells inserts, updates and deletes in order, with commit times and rising sequences', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    const beforeMs = Date.now()
    await job.sql("INSERT INTO t VALUES (1, 'a')", "UPDATE t SET a = 'b'", 'DELETE FROM t')
    const chunks = await stream(log)
    const rows = rowsIn(chunks)
    expect(rows.map(({ operation }) => operation)).to.deep.equal([
      Operation.insert,
      Operation.update,
      Operation.delete,
    ])
    expect(rows.map(({ values }) => values)).to.deep.equal([
      { id: '1', a: 'a' },
      { id: '1', a: 'b' },
      { id: '1', a: null },
    ])
    expect(rows[0]!.sequence < rows[1]!.sequence && rows[1]!.sequence < rows[2]!.sequence).to.equal(true)
    const withRows = chunks.find(({ changes }) => changes.length > 0)!
    expect(withRows.newestAtMs).to.be.within(beforeMs - 1000, Date.now() + 1000)
    expect(chunks.at(-1)!.caughtUp).to.equal(true)
  })

  it('does not tell again what the target holds, per table', async () => {
    const log = await begin(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      'CREATE TABLE u (id int PRIMARY KEY, a text)',
    )
    const start = job.positions.get('public.u')!.get('log')!
    await job.sql("INSERT INTO t VALUES (1, 'a')", "INSERT INTO u VALUES (1, 'a')")
    const read: SourceChunk[] = []
    for await (const chunk of source.read(log, await job.tables(source), limits, never)) {
      job.commitChunk(log, chunk)
      if (chunk.changes.length > 0) break
    }
    // Only t was committed: of u everything comes again.
    job.commit('public.u', 'log', start)
    await job.sql("INSERT INTO t VALUES (2, 'b')")
    read.push(...(await stream(log)))
    const told = read.flatMap(({ changes }) =>
      changes.flatMap(({ table, batch }) =>
        rowsOf(batch).map(({ values }) => `${table} ${values['id'] as string}`),
      ),
    )
    expect(told.toSorted()).to.deep.equal(['public.t 2', 'public.u 1'])
  })

  it('marks unchanged TOAST values, and fills them in with REPLICA IDENTITY FULL', async () => {
    const log = await begin(
      'CREATE TABLE t (id int PRIMARY KEY, n int, a text)',
      'CREATE TABLE f (id int PRIMARY KEY, n int, a text)',
      'ALTER TABLE t ALTER a SET STORAGE EXTERNAL',
      'ALTER TABLE f ALTER a SET STORAGE EXTERNAL',
      'ALTER TABLE f REPLICA IDENTITY FULL',
      `INSERT INTO t VALUES (1, 0, repeat('x', 10000))`,
      `INSERT INTO f VALUES (1, 0, repeat('y', 10000))`,
    )
    await job.sql('UPDATE t SET n = 1', 'UPDATE f SET n = 1')
    const [t, f] = rowsIn(await stream(log)).toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1))
    expect(t).to.deep.include({ operation: Operation.update, values: { id: '1', n: '1' } })
    expect(f!.operation).to.equal(Operation.update)
    expect(f!.values['a']).to.equal('y'.repeat(10000))
    expect(replica.rows('public.t')).to.deep.equal([{ id: '1', n: '1', a: 'x'.repeat(10000) }])
  })

  it('tells a changed key as delete and insert, unchanged TOAST included', async () => {
    const log = await begin(
      'CREATE TABLE t (id int, part text, a text, PRIMARY KEY (part, id))',
      'ALTER TABLE t ALTER a SET STORAGE EXTERNAL',
      `INSERT INTO t VALUES (1, 'p', repeat('x', 10000)), (2, 'p', 'short')`,
    )
    await job.sql('UPDATE t SET id = id + 10')
    const rows = rowsIn(await stream(log))
    expect(rows.map(({ operation, values }) => [operation, values['id']])).to.deep.equal([
      [Operation.delete, '1'],
      [Operation.insert, '11'],
      [Operation.delete, '2'],
      [Operation.insert, '12'],
    ])
    expect(rows[1]!.values['a']).to.equal('x'.repeat(10000))
    expect(replica.rows('public.t').map(({ id }) => id)).to.deep.equal(['11', '12'])
  })

  it('knows rows by their replica identity index', async () => {
    const log = await begin(
      'CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL UNIQUE, a text)',
      'ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_key',
      "INSERT INTO t VALUES (1, 'one', 'a'), (2, 'two', 'b')",
    )
    expect((await source.discover(never))[0]!.schema.key).to.deep.equal(['code'])
    await job.sql("UPDATE t SET code = 'three' WHERE id = 2", "DELETE FROM t WHERE code = 'one'")
    await stream(log)
    expect(replica.rows('public.t')).to.deep.equal([{ id: '2', code: 'three', a: 'b' }])
  })

  it('of a table without a key tells what goes and what comes', async () => {
    const log = await begin('CREATE TABLE t (id int, a text)', 'ALTER TABLE t REPLICA IDENTITY FULL')
    await job.sql(
      "INSERT INTO t VALUES (1, 'a'), (1, 'a')",
      "UPDATE t SET a = 'b' WHERE ctid = '(0,1)'",
      "DELETE FROM t WHERE a = 'a'",
    )
    const rows = rowsIn(await stream(log))
    expect(rows.map(({ operation, values }) => [operation, values['a']])).to.deep.equal([
      [Operation.insert, 'a'],
      [Operation.insert, 'a'],
      [Operation.delete, 'a'],
      [Operation.insert, 'b'],
      [Operation.delete, 'a'],
    ])
  })

  it('tells TRUNCATE before the rows that follow it', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)', "INSERT INTO t VALUES (1, 'old')")
    await job.sql("INSERT INTO t VALUES (2, 'older')", 'TRUNCATE t', "INSERT INTO t VALUES (3, 'new')")
    const changes = (await stream(log)).flatMap(chunk => chunk.changes)
    expect(changes.map(({ truncate, batch }) => [truncate !== null, batch.length])).to.deep.equal([
      [false, 1],
      [true, 1],
    ])
    expect(changes[1]!.truncate!.sequence <= changes[1]!.batch.sequences[0]!).to.equal(true)
    expect(replica.rows('public.t').map(({ id }) => id)).to.deep.equal(['3'])
  })

  it('ends a chunk where the schema changes, and the batch says what it is now', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await job.sql(
      "INSERT INTO t VALUES (1, 'a')",
      'ALTER TABLE t ADD b numeric(6,2)',
      "INSERT INTO t VALUES (2, 'b', 1.5)",
      'ALTER TABLE t ADD c inet',
      "INSERT INTO t VALUES (3, 'c', 2.5, '10.0.0.1')",
      'ALTER TABLE t DROP a',
      "INSERT INTO t VALUES (4, 3.5, '10.0.0.2')",
    )
    const chunks = (await stream(log)).filter(({ changes }) => changes.length > 0)
    expect(
      chunks.map(({ changes }) => changes[0]!.batch.schema.columns.map(({ name }) => name).join()),
    ).to.deep.equal(['id,a', 'id,a,b', 'id,a,b,c', 'id,b,c'])
    expect(rowsIn(chunks).map(({ values }) => values)).to.deep.equal([
      { id: '1', a: 'a' },
      { id: '2', a: 'b', b: '1.50' },
      { id: '3', a: 'c', b: '2.50', c: '10.0.0.1' },
      { id: '4', b: '3.50', c: '10.0.0.2' },
    ])
  })

  it('is refused when a table loses a column of its key', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)')
    await job.sql('ALTER TABLE t DROP id, ADD PRIMARY KEY (a)', "INSERT INTO t VALUES ('x')")
    const tables = (await job.tables(source)).map(table => ({
      ...table,
      schema: { ...table.schema, key: ['id'] },
    }))
    const reading = async (): Promise<void> => {
      for await (const chunk of source.read(log, tables, limits, never)) void chunk
    }
    expect(await errorOf(reading()))
      .to.be.instanceOf(ConfigError)
      .with.property('code', 'SCHEMA_CHANGE_REFUSED')
  })

  it('goes on as text when a type without a binary form comes and goes', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (0)')
    await job.sql(
      'INSERT INTO t VALUES (1)',
      'ALTER TABLE t ADD i interval',
      "INSERT INTO t VALUES (2, '1 day')",
      'ALTER TABLE t DROP i',
      'INSERT INTO t VALUES (3)',
    )
    expect(rowsIn(await stream(log)).map(({ values }) => values)).to.deep.equal([
      { id: '1' },
      { id: '2', i: '1 day' },
      { id: '3' },
    ])
  })

  it('keeps the same schema object while nothing of it changes', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)')
    const tables = await job.tables(source)
    await job.sql("INSERT INTO t VALUES (1, 'a')")
    for await (const { changes } of source.read(log, tables, limits, never))
      if (changes.length > 0) {
        expect(changes[0]!.batch.schema).to.equal(tables[0]!.schema)
        break
      }
  })

  it('takes up a table that comes later, from its own snapshot on', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await job.sql(
      'CREATE TABLE u (id int PRIMARY KEY, a text)',
      "INSERT INTO u SELECT i, 'u' FROM generate_series(1, 10) i",
      "INSERT INTO t VALUES (1, 't')",
    )
    const splits = await job.plan(source)
    expect(splits.map(({ id }) => id)).to.deep.equal(['snapshot/public.u/0', 'log'])
    await job.sql("UPDATE u SET a = 'changed' WHERE id = 1", "INSERT INTO t VALUES (2, 't')")
    await readSplit(job, source, splits[0]!, replica)
    expect(log.tables).to.deep.equal(['public.t'])
    await stream(splits[1]!)
    expect(replica.rows('public.u').filter(({ a }) => a === 'changed')).to.deep.equal([
      { id: '1', a: 'changed' },
    ])
    expect(replica.rows('public.u')).to.have.length(10)
    expect(replica.rows('public.t')).to.have.length(2)
  })

  it('gives a huge transaction in bounded chunks, a position only at its end', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await job.sql(`INSERT INTO t SELECT i, repeat(md5(i::text), 15) FROM generate_series(1, 40000) i`)
    const small = { chunkBytesMax: 512 * 1024, lingerMs: 20 }
    const chunks = (await streamUntilCaughtUp(job, source, log, replica, small)).filter(
      ({ changes }) => changes.length > 0,
    )
    expect(chunks.length).to.be.greaterThan(30)
    for (const { changes } of chunks) expect(batchBytes(changes[0]!.batch)).to.be.lessThan(640 * 1024)
    expect(chunks.slice(0, -1).every(({ position }) => position === null)).to.equal(true)
    expect(chunks.at(-1)!.position).to.not.equal(null)
    expect(replica.rows('public.t')).to.have.length(40000)
  })

  it('gives many small transactions in chunks that end between them', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await job.sql(
      `DO $$ BEGIN FOR i IN 1..3000 LOOP INSERT INTO t VALUES (i, repeat(md5(i::text), 15)); COMMIT; END LOOP; END $$`,
    )
    const small = { chunkBytesMax: 64 * 1024, lingerMs: 1000 }
    const chunks = (await streamUntilCaughtUp(job, source, log, replica, small)).filter(
      ({ changes }) => changes.length > 0,
    )
    expect(chunks.length).to.be.greaterThan(15)
    expect(chunks.every(({ position }) => position !== null)).to.equal(true)
    expect(replica.rows('public.t')).to.have.length(3000)
  }).timeout(30_000)

  it('reads nothing ahead beyond its bound while nobody pulls, and loses nothing', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await job.sql(`INSERT INTO t SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 10000) i`)
    const iterator = source
      .read(log, await job.tables(source), { chunkBytesMax: 256 * 1024, lingerMs: 20 }, never)
      [Symbol.asyncIterator]()
    const sent = async (): Promise<number> => {
      const { rows } = await job.sql(
        `SELECT coalesce(sum(pg_wal_lsn_diff(sent_lsn, '0/0')), 0)::float8 AS bytes FROM pg_stat_replication`,
      )
      return (rows[0] as { bytes: number }).bytes
    }
    let rows = 0
    const first = await iterator.next()
    const before = process.memoryUsage().arrayBuffers
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(8 * 1024 * 1024)
    expect(await sent()).to.be.greaterThan(0)
    for (let chunk = first; ; chunk = await iterator.next()) {
      const read = chunk.value as SourceChunk
      for (const { batch } of read.changes) rows += batch.length
      if (read.position !== null && rows === 10_000) break
    }
    await iterator.return?.(undefined)
    expect(rows).to.equal(10_000)
  })

  it('gives the slot to one reader at a time', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await job.sql("INSERT INTO t VALUES (1, 'a')")
    const iterator = source.read(log, await job.tables(source), limits, never)[Symbol.asyncIterator]()
    await iterator.next()
    const other = await job.source()
    const error = await errorOf(readSplit(job, other, log, new Replica(), { chunksMax: 1 }))
    expect(error).to.be.instanceOf(TransientError).with.property('code', 'PG_SLOT_ACTIVE')
    await iterator.return?.(undefined)
    await streamUntilCaughtUp(job, other, log, replica)
    expect(replica.rows('public.t')).to.have.length(1)
  })

  it('ends quietly when told to stop', async () => {
    const log = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 100)
    for await (const chunk of source.read(log, await job.tables(source), limits, stop.signal))
      expect(chunk.changes).to.deep.equal([])
  })
})
