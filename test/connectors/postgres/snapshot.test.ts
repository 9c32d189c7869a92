import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { ConfigError, PositionLostError, TransientError } from '#common/errors.ts'
import { Job, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { readAllSnapshots, readSplit, streamUntilCaughtUp } from './reading.ts'
import { Replica, rowsOf } from './rows.ts'
import { sharedServer } from './shared-server.ts'

const megabyte = 1024 * 1024
const small = { chunkBytesMax: 64 * 1024, lingerMs: 20 }
const wide = (rows: number): string =>
  `INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, ${rows}) i`

describe('PostgreSQL snapshot', () => {
  let server: PostgresServer
  let job: Job
  before(async () => {
    server = await sharedServer()
  })
  beforeEach(async () => {
    job = await Job.create(server, { snapshot: { rangeBytes: megabyte } })
  })
  afterEach(() => job.end())

  async function expectEqual(replica: Replica, columns = 'id, a'): Promise<void> {
    const { rows } = await job.sql(`SELECT ${columns} FROM t`)
    const got = new Map(replica.rows('public.t').map(row => [row['id'], row]))
    expect(got.size).to.equal(rows.length)
    for (const row of rows as Record<string, unknown>[])
      expect(got.get(String(row['id']))?.['a']).to.equal(row['a'])
  }

  it('is cut into page ranges that together have every row once', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(10_000))
    const source = await job.source()
    const splits = (await job.plan(source)).filter(({ bounded }) => bounded)
    expect(splits.map(({ id }) => id)).to.deep.equal([0, 1, 2].map(index => `snapshot/public.t/${index}`))
    const ids: string[] = []
    for (const split of splits)
      for (const { changes } of await readSplit(job, source, split, new Replica()))
        for (const { batch } of changes)
          ids.push(...rowsOf(batch).map(({ values }) => values['id'] as string))
    expect(ids).to.have.length(10_000)
    expect(new Set(ids).size).to.equal(10_000)
    const replanned = await job.plan(source)
    expect(
      replanned.map(({ id }) => id),
      'splits once all is read',
    ).to.deep.equal(['log'])
  })

  it('begins with a small chunk when it is asked to', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(3000))
    const source = await job.source()
    const [split] = await job.plan(source)
    const growing = { chunkBytesMax: megabyte, firstChunkBytesMax: 128 * 1024, lingerMs: 20 }
    const chunks = await readSplit(job, source, split!, new Replica(), { limits: growing })
    const rows = chunks.map(({ changes }) => changes.reduce((sum, { batch }) => sum + batch.length, 0))
    expect(rows[0]).to.be.within(1, 600)
    expect(chunks[0]!.position, 'it can be committed').to.be.a('string')
    expect(rows[1]).to.be.greaterThan(1000)
  })

  it('goes on from a committed position without losing or repeating a row', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(3000))
    const source = await job.source()
    const [split] = await job.plan(source)
    const ids: string[] = []
    const positions: (string | null)[] = []
    for (let more = true; more;) {
      const chunks = await readSplit(job, source, split!, new Replica(), { limits: small, chunksMax: 2 })
      positions.push(...chunks.map(({ position }) => position))
      for (const { changes } of chunks)
        for (const { batch } of changes)
          ids.push(...rowsOf(batch).map(({ values }) => values['id'] as string))
      more = chunks.length > 0
    }
    expect(positions).to.not.include(null)
    expect(positions.length).to.be.greaterThan(10)
    expect(ids).to.have.length(3000)
    expect(new Set(ids).size).to.equal(3000)
  })

  it('cuts a chunk inside a page without a position when rows are large', async () => {
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      `INSERT INTO t SELECT i, repeat(md5(i::text), 2000) FROM generate_series(1, 50) i`,
    )
    const source = await job.source()
    const [split] = await job.plan(source)
    const replica = new Replica()
    const chunks = await readSplit(job, source, split!, replica, { limits: small })
    expect(chunks.filter(({ position }) => position === null).length).to.be.greaterThan(5)
    expect(chunks.at(-1)!.position).to.match(/^done@/)
    await expectEqual(replica)
  })

  it('shows one moment: what commits later comes by stream, with a later sequence', async () => {
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      "INSERT INTO t VALUES (1, 'old'), (2, 'gone')",
    )
    const source = await job.source()
    const splits = await job.plan(source)
    await job.sql(
      "UPDATE t SET a = 'new' WHERE id = 1",
      'DELETE FROM t WHERE id = 2',
      "INSERT INTO t VALUES (3, 'more')",
    )
    const replica = new Replica()
    const [snapshot] = await readSplit(job, source, splits[0]!, replica)
    const before = rowsOf(snapshot!.changes[0]!.batch)
    expect(before.map(({ values }) => values['a'])).to.deep.equal(['old', 'gone'])
    const chunks = await streamUntilCaughtUp(job, source, splits[1]!, replica)
    for (const { changes } of chunks)
      for (const { batch } of changes)
        for (const { sequence } of rowsOf(batch)) expect(sequence > before[0]!.sequence).to.equal(true)
    await expectEqual(replica)
  })

  it('is read by other sources of the job while the one that planned stays open, and not after', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(100))
    const [coordinator, lane] = [await job.source(), await job.source()]
    const [split] = await job.plan(coordinator)
    const replica = new Replica()
    await readSplit(job, lane, split!, replica, { chunksMax: 0 })
    await expectEqual(replica)
    job.positions.get('public.t')!.delete('log')
    job.positions.delete('public.t')
    const [again] = await job.plan(coordinator)
    await coordinator.close()
    const error = await errorOf(readSplit(job, lane, again!, new Replica()))
    expect(error).to.be.instanceOf(TransientError).with.property('code', 'SNAPSHOT_EXPIRED')
  })

  it('goes on after a crash in a new snapshot, range by range, while rows move between pages', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(9000))
    const first = await job.source()
    const replica = new Replica()
    const splits = await job.plan(first)
    await readSplit(job, first, splits[0]!, replica)
    await readSplit(job, first, splits[1]!, replica, { limits: small, chunksMax: 3 })
    await first.close()
    // Rows of pages not read yet move into pages that were, and the other way round.
    await job.sql(
      'DELETE FROM t WHERE id <= 300',
      'VACUUM t',
      `UPDATE t SET a = 'moved' WHERE id > 8800`,
      `UPDATE t SET id = id + 100000 WHERE id BETWEEN 4000 AND 4050`,
      `INSERT INTO t SELECT i, 'fresh' FROM generate_series(20001, 20100) i`,
    )
    const second = await job.source()
    const again = await job.plan(second)
    expect(again.map(({ id }) => id)).to.deep.equal(splits.slice(1).map(({ id }) => id))
    for (const split of again.slice(0, -1)) await readSplit(job, second, split, replica)
    await streamUntilCaughtUp(job, second, again.at(-1)!, replica)
    await expectEqual(replica)
  })

  it('starts over after a crash when rows have values the log does not repeat', async () => {
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text, n int)',
      'ALTER TABLE t ALTER a SET STORAGE EXTERNAL',
      `INSERT INTO t SELECT i, repeat(md5(i::text), 100), 0 FROM generate_series(1, 3000) i`,
      `INSERT INTO t SELECT i, repeat('x', 300), 0 FROM generate_series(3001, 9000) i`,
    )
    const first = await job.source()
    const replica = new Replica()
    const splits = await job.plan(first)
    await readSplit(job, first, splits[0]!, replica, { limits: small, chunksMax: 3 })
    await first.close()
    await job.sql('UPDATE t SET n = 1 WHERE id BETWEEN 1000 AND 2000')
    const second = await job.source()
    const again = await job.plan(second)
    const ids = again.map(({ id }) => id)
    expect(
      ids.filter(id => /^snapshot\/public\.t\/[0-9A-F]+-[0-9A-F]+\/\d+$/.test(id)).length,
    ).to.be.greaterThan(0)
    for (const split of again.slice(0, -1)) await readSplit(job, second, split, replica)
    await streamUntilCaughtUp(job, second, again.at(-1)!, replica)
    await expectEqual(replica)
    expect((await job.plan(second)).map(({ id }) => id)).to.deep.equal(['log'])
  })

  it('starts over when the table was rewritten under it', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(3000))
    const source = await job.source()
    const [split] = await job.plan(source)
    const replica = new Replica()
    await readSplit(job, source, split!, replica, { limits: small, chunksMax: 2 })
    await job.sql('VACUUM FULL t')
    const error = await errorOf(readSplit(job, source, split!, replica))
    expect(error).to.be.instanceOf(TransientError).with.property('code', 'SNAPSHOT_EXPIRED')
    const again = await job.plan(source)
    expect(again).to.have.length(3)
    for (const one of again.slice(0, -1)) await readSplit(job, source, one, replica)
    await expectEqual(replica)
  })

  it('of a table without a key is refused when it was interrupted', async () => {
    await job.sql('CREATE TABLE t (id int, a text)', 'ALTER TABLE t REPLICA IDENTITY FULL', wide(3000))
    const first = await job.source()
    const [split] = await job.plan(first)
    await readSplit(job, first, split!, new Replica(), { limits: small, chunksMax: 2 })
    await first.close()
    const error = await errorOf(job.plan(await job.source()))
    expect(error).to.be.instanceOf(PositionLostError).with.property('code', 'PG_SNAPSHOT_INTERRUPTED')
  })

  it('reads a partitioned table through its leaves, and streams it as one', async () => {
    await job.sql(
      'CREATE TABLE t (id int, a text, PRIMARY KEY (id)) PARTITION BY RANGE (id)',
      'CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100)',
      // Columns of a leaf may be in another order.
      'CREATE TABLE t2 (a text, id int NOT NULL)',
      'ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (100) TO (1000)',
      wide(500),
    )
    const source = await job.source()
    expect((await source.discover(never)).map(({ name }) => name)).to.deep.equal(['public.t'])
    const replica = new Replica()
    const log = await readAllSnapshots(job, source, replica)
    await expectEqual(replica)
    await job.sql(
      "UPDATE t SET a = 'changed' WHERE id IN (1, 200)",
      'UPDATE t SET id = 600 WHERE id = 2',
      'DELETE FROM t WHERE id = 300',
    )
    await streamUntilCaughtUp(job, source, log, replica)
    await expectEqual(replica)
    await job.sql('TRUNCATE t', "INSERT INTO t VALUES (5, 'after')")
    await streamUntilCaughtUp(job, source, log, replica)
    await expectEqual(replica)
  })

  it('only: needs no logical log and ends', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)', wide(100))
    const source = await job.source()
    const splits = await job.plan(source, { mode: 'snapshot' })
    expect(splits.map(({ bounded }) => bounded)).to.deep.equal([true])
    const replica = new Replica()
    await readSplit(job, source, splits[0]!, replica)
    await expectEqual(replica)
    expect(await job.plan(source, { mode: 'snapshot' })).to.deep.equal([])
    const { rows } = await job.sql(`SELECT 1 FROM pg_replication_slots WHERE database = current_database()`)
    expect(rows).to.have.length(0)
  })

  it('names table and column of a value without a place, and leaves the row out when that is the policy', async () => {
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text, d date, n numeric(6,2), ts timestamptz, l int[])',
      `INSERT INTO t VALUES (1, 'a', '2024-01-01', 1, now(), '{1}'), (2, 'b', 'infinity', 1, now(), '{1}'),
        (3, 'c', '0001-01-01 BC', 1, now(), NULL), (4, 'd', NULL, 'NaN', now(), '{1}'),
        (5, 'e', NULL, NULL, '10000-01-01', '{1}'), (6, 'f', NULL, 2, now(), '{{1,2},{3,4}}'), (7, 'g', NULL, 3, NULL, '{}')`,
    )
    const source = await job.source()
    const splits = await job.plan(source)
    const replica = new Replica()
    await readSplit(job, source, splits[0]!, replica)
    const bad = (): [string, unknown][] =>
      job.badRecords.map(({ code, context }) => [code, context['column']])
    const wanted = [
      ['VALUE_OUT_OF_RANGE', 'd'],
      ['VALUE_OUT_OF_RANGE', 'd'],
      ['VALUE_OUT_OF_RANGE', 'n'],
      ['VALUE_OUT_OF_RANGE', 'ts'],
      ['ARRAY_MULTIDIMENSIONAL', 'l'],
    ]
    expect(bad()).to.deep.equal(wanted)
    expect(replica.rows('public.t').map(({ id }) => id)).to.deep.equal(['1', '7'])
    await job.sql('UPDATE t SET id = id + 10')
    await streamUntilCaughtUp(job, source, splits[1]!, replica)
    expect(bad()).to.deep.equal([...wanted, ...wanted])
    expect(replica.rows('public.t').map(({ id }) => id)).to.deep.equal(['11', '17'])
  })

  it('refuses a table the job names and the server has not', async () => {
    const source = await job.source()
    const table = { name: 'public.nope', schema: { columns: [], key: [] }, positions: new Map() }
    const error = await errorOf(
      source.plan([{ ...table, mode: 'snapshotAndStream', start: 'latest' }], never),
    )
    expect(error).to.be.instanceOf(ConfigError).with.property('code', 'TABLE_NOT_FOUND')
  })
})
