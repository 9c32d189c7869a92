// A server, or a router on the way to it, that falls silent without closing anything. TCP alone would let us wait for
// a quarter of an hour, or for ever where something on the way still acknowledges.
import { expect } from 'chai'
import type { DataError } from '#common/errors.ts'
import type { BlackHole } from '#test/bed/black-hole.ts'
import { startBlackHole } from '#test/bed/black-hole.ts'
import { systemClock } from '#common/clock.ts'
import type { Relation } from '#connectors/postgres/relation.ts'
import { readRelations, schemaOf } from '#connectors/postgres/relation.ts'
import { ReplicationSession } from '#connectors/postgres/replication-session.ts'
import type { ServerAccess } from '#connectors/postgres/session.ts'
import { Session, serverAccess } from '#connectors/postgres/session.ts'
import { readLeaves } from '#connectors/postgres/snapshot-plan.ts'
import { readSnapshot } from '#connectors/postgres/snapshot-reader.ts'
import { Job, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { sharedServer } from './shared-server.ts'

const unreachable = { name: 'TransientError', code: 'SOURCE_UNREACHABLE' }

describe('a PostgreSQL server that falls silent', () => {
  let job: Job
  let hole: BlackHole
  let access: ServerAccess

  beforeEach(async () => {
    const server = await sharedServer()
    job = await Job.create(server)
    hole = await startBlackHole(server)
    const limits = { connectMs: 300, answerMs: 300, copyMs: 300, streamMs: 300 }
    access = { ...(await serverAccess(job.context({ host: '127.0.0.1', port: hole.port }))), limits }
  })

  afterEach(async () => {
    await hole.stop()
    await job.end()
  })

  it('is given up while a connection is made', async () => {
    hole.fallSilent()
    expect(await errorOf(Session.open(access, never))).to.include(unreachable)
  })

  it('is given up when it answers no query, and closing waits no longer', async () => {
    const session = await Session.open(access, never)
    hole.fallSilent()
    expect(await errorOf(session.query('SELECT 1'))).to.include(unreachable)
    await session.close()
  })

  it('holds back no one who only wants to close', async () => {
    const session = await Session.open(access, never)
    hole.fallSilent()
    await session.close()
    expect(session.socket.destroyed).to.equal(true)
  })

  it('is waited for where it waits for others', async () => {
    const session = await Session.open(access, never)
    expect(await session.waitFor("SELECT 'done' AS a FROM pg_sleep(0.6)")).to.deep.equal([{ a: 'done' }])
    await session.close()
  })

  it('is given up in the middle of a snapshot', async () => {
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      `INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) i`,
      'BEGIN ISOLATION LEVEL REPEATABLE READ',
    )
    const snapshot = (await job.sql('SELECT pg_export_snapshot() AS name')).rows[0] as { name: string }
    const session = await Session.open(access, never)
    const [relation] = (await readRelations(session, ['public.t'], new Map())) as [Relation]
    const [leaf] = await readLeaves(session, relation)
    const range = {
      table: 'public.t',
      schema: schemaOf(relation.columns, ['id']),
      columns: relation.columns,
      range: { relation: leaf!.relation, fileNode: leaf!.fileNode, next: 0, end: null, consistentPoint: 1n },
      sequence: 1n,
      snapshot: snapshot.name,
      limits: { chunkBytesMax: 64 * 1024, lingerMs: 20 },
      clock: systemClock,
      pace: undefined,
      onBadRecord: (error: DataError) => expect.fail(error.message),
    }
    const read = readSnapshot(session, range, never)
    expect((await read.next()).done).to.equal(false)
    hole.fallSilent()
    const rest = (async () => {
      for await (const chunk of read) expect(chunk.changes).to.have.length(1)
    })()
    expect(await errorOf(rest)).to.include(unreachable)
    await job.sql('ROLLBACK')
  })

  it('is given up in the middle of the log', async () => {
    const slot = `silence_${job.database}`
    await job.sql(
      'CREATE PUBLICATION p FOR ALL TABLES',
      `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`,
      `ALTER DATABASE ${job.database} SET wal_sender_timeout = '500ms'`,
    )
    const options = { slot, publication: 'p', from: 0n, binary: false, readAheadBytes: 1024 * 1024 }
    const stream = await ReplicationSession.open(access, options, systemClock, never)
    hole.fallSilent()
    const reading = async (): Promise<never> => {
      for (;;) if (!stream.connection.fill()) await stream.connection.wait(Infinity)
    }
    expect(await errorOf(reading())).to.include(unreachable)
    await stream.close()
    // By now the server has noticed as well.
    await job.sql(
      `ALTER DATABASE ${job.database} RESET wal_sender_timeout`,
      `SELECT pg_drop_replication_slot('${slot}')`,
    )
  })
})
