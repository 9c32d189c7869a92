import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { Source } from '#connectors/connector.ts'
import { PortionByPortion, standstill } from '../portion-by-portion.ts'
import { systemClock } from '#common/clock.ts'
import { Job } from './bed.ts'
import { errorOf } from './failure.ts'
import { readAllSnapshots, readSplit, streamUntilCaughtUp } from './reading.ts'
import { Replica } from './rows.ts'
import { sharedServer } from './shared-server.ts'

const columns = `id int PRIMARY KEY, a text, n numeric(20,4), at timestamptz, flags boolean[], doc jsonb, part text`
const rows = `i, repeat('x', i % 50), i / 7.0, now(), ARRAY[i % 2 = 0, NULL], jsonb_build_object('i', i), NULL`

describe('PostgreSQL with limits', () => {
  let server: PostgresServer
  let job: Job
  let source: Source
  before(async () => {
    server = await sharedServer()
  })
  beforeEach(async () => {
    job = await Job.create(server)
    await job.sql(
      `CREATE TABLE t (${columns})`,
      `INSERT INTO t SELECT ${rows} FROM generate_series(1, 1000) i`,
    )
  })
  afterEach(() => job.end())

  async function readWith(pace: Job['pace']): Promise<Map<unknown, unknown>> {
    job.pace = pace
    job.positions.clear()
    source = await job.source()
    const replica = new Replica()
    await readAllSnapshots(job, source, replica)
    return new Map(replica.rows('public.t').map(row => [row['id'], row]))
  }

  it('sends no more rows of a snapshot than it is asked for, and the same ones', async () => {
    const pace = new PortionByPortion({ records: 70 })
    const paced = await readWith(pace)
    expect(paced.size).to.equal(1000)
    expect(pace.spent.reduce((sum, { records }) => sum + records, 0)).to.equal(1000)
    expect(Math.max(...pace.spent.map(({ records }) => records))).to.equal(70)
    expect(pace.spent).to.have.length(pace.given)
    expect(pace.spent.every(({ records, bytes }) => bytes >= records * 50)).to.equal(true)
    expect(paced).to.deep.equal(await readWith(undefined))
  })

  it('waits for its turn before it reads a range, and ends it with the range, read to the end or not', async () => {
    let [entered, left] = [0, 0]
    let open = Promise.withResolvers<void>()
    job.turns = {
      enter: async () => {
        entered++
        await open.promise
        return () => void left++
      },
    }
    source = await job.source()
    const [split] = await job.plan(source)
    const reading = readSplit(job, source, split!, new Replica(), {
      limits: { chunkBytesMax: 16 * 1024, lingerMs: 0 },
      chunksMax: 1,
    })
    await systemClock.sleep(100)
    const { rows } = await job.sql(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%'
      AND datname = current_database() AND pid <> pg_backend_pid()`)
    expect([entered, rows.length], 'while it waits').to.deep.equal([1, 0])
    open.resolve()
    expect(await reading).to.have.length(1)
    expect([entered, left], 'given up in the middle').to.deep.equal([1, 1])
    open = Promise.withResolvers()
    open.reject(new Error('no turn'))
    expect(String(await errorOf(readSplit(job, source, split!, new Replica())))).to.include('no turn')
    expect([entered, left]).to.deep.equal([2, 1])
  })

  it('is read to the end where the last portion is just used up', async () => {
    const pace = new PortionByPortion({ records: 500 })
    expect((await readWith(pace)).size).to.equal(1000)
    expect(pace.spent.map(({ records }) => records)).to.deep.equal([500, 500, 0])
  })

  it('goes on within a table from where a chunk ended', async () => {
    job.pace = new PortionByPortion({ records: 5 })
    source = await job.source()
    const [split] = await job.plan(source)
    const replica = new Replica()
    const limits = { chunkBytesMax: 64 * 1024, lingerMs: 0 }
    const first = await readSplit(job, source, split!, replica, { limits, chunksMax: 2 })
    expect(first.at(-1)!.position, 'where a page ended').not.to.equal(null)
    expect(replica.rows('public.t').length).to.be.within(1, 900)
    await readSplit(job, source, split!, replica, { limits })
    expect(replica.rows('public.t')).to.have.length(1000)
  })

  for (const [name, size] of [
    ['rows', { records: 10 }],
    ['bytes', { records: 100, bytes: 1_000 }],
  ] as const)
    it(`takes changes of the log by ${name} of portions`, async () => {
      const pace = new PortionByPortion(size)
      job.pace = pace
      source = await job.source()
      const replica = new Replica()
      const log = await readAllSnapshots(job, source, replica)
      const before = pace.spent.length
      await job.sql("UPDATE t SET a = 'changed' WHERE id <= 300", 'DELETE FROM t WHERE id > 900')
      await streamUntilCaughtUp(job, source, log, replica)
      await source.close()
      const spent = pace.spent.slice(before)
      expect(spent.reduce((sum, { records }) => sum + records, 0)).to.equal(400)
      const largest = Math.max(...spent.map(({ records }) => records))
      if (name === 'rows') expect(largest).to.equal(10)
      else
        expect(
          spent.every(({ bytes }) => bytes < 1_200),
          JSON.stringify(spent),
        ).to.equal(true)
      expect(replica.rows('public.t').filter(({ a }) => a === 'changed')).to.have.length(300)
    })

  it('stops waiting for a portion when it is to stop', async () => {
    job.pace = standstill
    source = await job.source()
    const [split] = await job.plan(source)
    const stop = new AbortController()
    const tables = await job.tables(source)
    const reading = (async () => {
      for await (const chunk of source.read(
        split!,
        tables,
        { chunkBytesMax: 65_536, lingerMs: 0 },
        stop.signal,
      ))
        expect.fail(String(chunk.position))
    })()
    setTimeout(() => stop.abort(), 100)
    await reading
  })
})
