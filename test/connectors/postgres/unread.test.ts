import { expect } from 'chai'
import { PositionLostError } from '#common/errors.ts'
import type { Source } from '#connectors/connector.ts'
import { serverNames } from '#connectors/postgres/names.ts'
import { serverAccess, withSession } from '#connectors/postgres/session.ts'
import { unreadChanges } from '#connectors/postgres/unread.ts'
import type { LookLimits } from '#connectors/postgres/unread.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { Job, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { streamUntilCaughtUp } from './reading.ts'
import { Replica } from './rows.ts'
import { sharedServer } from './shared-server.ts'

describe('Changes in the log of PostgreSQL that nobody has read', () => {
  let server: PostgresServer
  let job: Job
  let source: Source
  before(async () => {
    server = await sharedServer()
  })
  beforeEach(async () => {
    job = await Job.create(server)
    await job.sql(
      'CREATE TABLE orders (id int PRIMARY KEY, note text)',
      'CREATE TABLE others (id int PRIMARY KEY, note text)',
    )
    source = await job.source()
  })
  afterEach(() => job.end())

  const wanted = { name: 'public.orders' }
  const tables = async () => (await job.tables(source)).filter(({ name }) => name === wanted.name)
  const unread = async (): Promise<string | null> => source.unread!(await tables(), never)

  /** All of one table is in the target, and the slot knows. */
  async function readAll(): Promise<void> {
    const { splits, initialPositions } = await source.plan(await tables(), never)
    for (const [table, positions] of initialPositions)
      for (const [split, position] of positions) job.commit(table, split, position)
    const replica = new Replica()
    for (const split of splits.filter(({ bounded }) => bounded))
      for await (const chunk of source.read(
        split,
        await tables(),
        { chunkBytesMax: 1 << 20, lingerMs: 20 },
        never,
      ))
        job.commitChunk(split, chunk)
    await streamUntilCaughtUp(
      job,
      source,
      splits.find(({ bounded }) => !bounded)!,
      replica,
    )
  }

  async function limited(limits: Partial<LookLimits>): Promise<string | null> {
    const context = job.context()
    const names = serverNames(context.job, context.spec)
    const usual = { heldBytesMax: 1 << 28, lookMs: 15_000, messagesMax: 20_000 }
    const asked = await tables()
    return withSession(await serverAccess(context), never, session =>
      unreadChanges(session, names, asked, { ...usual, ...limits }),
    )
  }

  it('are those of its own tables, of whichever kind, and no others', async () => {
    await readAll()
    await job.sql("INSERT INTO others SELECT i, 'x' FROM generate_series(1, 1000) i")
    await job.sql("SELECT pg_logical_emit_message(true, 'test', 'x')")
    expect(await unread()).to.equal(null)
    for (const change of [
      "INSERT INTO orders VALUES (1, 'a')",
      'UPDATE orders SET note = NULL',
      'DELETE FROM orders',
      'TRUNCATE orders',
    ]) {
      await job.sql(change)
      expect(await unread(), change).to.match(/^At least \d changes? waits? in the log\.$/)
    }
    expect(await unread(), 'asked again').to.equal('At least 4 changes wait in the log.')
  })

  it('do not count before their transaction is committed, or when it never is', async () => {
    await readAll()
    await job.sql('BEGIN', "INSERT INTO orders VALUES (1, 'a')")
    const admin = await Job.create(server)
    expect(await unread()).to.equal(null)
    await job.sql('ROLLBACK')
    expect(await unread()).to.equal(null)
    await admin.end()
  })

  it('are there while a table is not copied to its end, or is new to the target', async () => {
    expect(await unread()).to.equal('Not all rows of public.orders are copied.')
    await readAll()
    expect(await unread()).to.equal(null)
    job.commit('public.orders', 'snapshot/public.orders/0', '16402.16402:0-*@0/1')
    expect(await unread()).to.equal('Not all rows of public.orders are copied.')
  })

  it('may be there when the server keeps much log for the slot, so that it is let go', async () => {
    await readAll()
    await job.sql("INSERT INTO others SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i")
    expect(await limited({})).to.equal(null)
    expect(await limited({ heldBytesMax: 1 << 20 })).to.match(
      /^The server keeps \d+ MiB of its log for the slot sluice_.*; a worker lets it go\.$/,
    )
  })

  it('may be there when it would take too long to look, or there is too much to look through', async () => {
    await readAll()
    await job.sql("INSERT INTO orders SELECT i, repeat('x', 100) FROM generate_series(1, 50000) i")
    expect(await limited({ lookMs: 1 })).to.equal('There is too much in the log to look through.')
    expect(await limited({ messagesMax: 1 })).to.match(/changes wait/)
  })

  it('cannot be told of a slot that is gone', async () => {
    await readAll()
    await source.close()
    await job.sql(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()',
    )
    const error = await errorOf(unread())
    expect(error).to.be.instanceOf(PositionLostError).and.have.property('code', 'PG_SLOT_LOST')
  })

  it('are looked for without moving the slot', async () => {
    await readAll()
    const confirmed = async (): Promise<unknown> =>
      (
        await job.sql(
          'SELECT confirmed_flush_lsn, active FROM pg_replication_slots WHERE database = current_database()',
        )
      ).rows
    await source.close()
    const before = await confirmed()
    await job.sql("INSERT INTO orders VALUES (1, 'a')")
    await unread()
    expect(await confirmed()).to.deep.equal(before)
  })
})
