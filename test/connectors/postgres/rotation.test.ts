// A password that changes while a source is open, as a mounted Secret does.
import { expect } from 'chai'
import { postgres } from '#connectors/postgres/connector.ts'
import type { Source, SourceChunk } from '#connectors/connector.ts'
import { Job, limits, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { sharedServer } from './shared-server.ts'

describe('a PostgreSQL source whose password changes', () => {
  let job: Job
  let role: string
  let password: string
  let source: Source

  beforeEach(async () => {
    job = await Job.create(await sharedServer())
    role = `reader_of_${job.database}`
    password = 'first'
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY)',
      `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'first'`,
    )
    const context = job.context({ user: { value: role }, password: { value: 'in a file' } })
    source = await postgres.openSource!({
      ...context,
      secret: async value => (value.value === 'in a file' ? password : context.secret(value)),
    })
  })

  afterEach(async () => {
    await source.close()
    await job.sql(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`)
    await job.end()
  })

  it('makes new connections with what the Secret holds now', async () => {
    expect(await source.discover(never)).to.have.length(1)
    await job.sql(`ALTER ROLE ${role} PASSWORD 'second'`)
    expect(await errorOf(source.discover(never))).to.include({ code: 'SOURCE_AUTH_FAILED' })
    password = 'second'
    expect(await source.discover(never)).to.have.length(1)
  })

  it('reads on from the log though the Secret holds a password that does not work', async () => {
    await job.plan(source, { mode: 'stream' })
    const [split] = await job.plan(source, { mode: 'stream' })
    const stop = new AbortController()
    const chunks = source.read(split!, await job.tables(source), limits, stop.signal)[Symbol.asyncIterator]()
    const rows = async (): Promise<number> => {
      for (;;) {
        const chunk = (await chunks.next()).value as SourceChunk
        if (chunk.changes.length > 0) return chunk.changes[0]!.batch.length
      }
    }
    await job.sql('INSERT INTO t VALUES (1)')
    expect(await rows()).to.equal(1)
    password = 'a typo'
    expect(await errorOf(source.discover(never))).to.include({ code: 'SOURCE_AUTH_FAILED' })
    await job.sql('INSERT INTO t VALUES (2)')
    expect(await rows()).to.equal(1)
    stop.abort()
    await chunks.return?.(undefined)
  })
})
