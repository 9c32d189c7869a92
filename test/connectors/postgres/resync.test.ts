import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { ConfigError } from '#common/errors.ts'
import { Job, never } from './bed.ts'
import { errorOf } from './failure.ts'
import { readAllSnapshots, readSplit, streamUntilCaughtUp } from './reading.ts'
import { Replica, rowsOf } from './rows.ts'
import { sharedServer } from './shared-server.ts'

const small = { chunkBytesMax: 64 * 1024, lingerMs: 20 }

describe('PostgreSQL tables that are read again', () => {
  let server: PostgresServer
  let job: Job
  before(async () => {
    server = await sharedServer()
  })
  beforeEach(async () => {
    job = await Job.create(server)
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    )
  })
  afterEach(() => job.end())

  it('tell, once all is read, that what is older than that is gone', async () => {
    const source = await job.source()
    await readAllSnapshots(job, source, new Replica())
    await job.sql('DELETE FROM t WHERE id = 2')
    job.positions.clear()
    const [range] = await job.plan(source, { replaces: true })
    const [snapshot] = await readSplit(job, source, range!, new Replica())
    const [read] = rowsOf(snapshot!.changes[0]!.batch)
    const [sweep, log, ...others] = await job.plan(source)
    expect([sweep!.id, sweep!.bounded, others]).to.deep.equal(['sweep/public.t', true, []])
    const chunks = await readSplit(job, source, sweep!, new Replica())
    expect(chunks).to.have.length(1)
    const { truncate, batch } = chunks[0]!.changes[0]!
    expect(truncate!.sequence < read!.sequence, 'what was read now stays').to.equal(true)
    expect(batch.length).to.equal(0)
    expect(
      (await job.plan(source)).map(({ id }) => id),
      'when it is gone',
    ).to.deep.equal(['log'])
    await job.sql("INSERT INTO t VALUES (3, 'three')")
    const streamed = await streamUntilCaughtUp(job, source, log!, new Replica())
    const rows = streamed.flatMap(({ changes }) => changes.flatMap(change => rowsOf(change.batch)))
    expect(rows.map(({ values }) => values['id'])).to.deep.equal(['3'])
  })

  it('begin again in a new snapshot when theirs is lost: rows that moved meanwhile must not be swept away', async () => {
    await job.sql("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(10, 3000) i")
    const first = await job.source()
    const [range] = await job.plan(first, { replaces: true })
    await readSplit(job, first, range!, new Replica(), { limits: small, chunksMax: 2 })
    await first.close()
    const second = await job.source()
    const splits = await job.plan(second)
    const [given, anew] = splits.filter(({ bounded }) => bounded)
    expect(given!.detail, 'nothing is read of the range begun before').to.equal('null')
    expect(anew!.id).to.match(/^snapshot\/public\.t\/[0-9A-F]+-[0-9A-F]+\/0$/)
    const ids = new Set<string>()
    for (const split of [given!, anew!])
      for (const { changes } of await readSplit(job, second, split, new Replica()))
        for (const { batch } of changes)
          for (const { values } of rowsOf(batch)) ids.add(values['id'] as string)
    expect(ids.size).to.equal(2993)
    expect((await job.plan(second)).map(({ id }) => id)).to.deep.equal(['sweep/public.t', 'log'])
  })

  it('are refused where there is nothing to read, another server, or another source beside', async () => {
    const source = await job.source()
    const [table] = await job.tables(source)
    await source.checkResync!(table!, never)
    const stream = await errorOf(source.checkResync!({ ...table!, mode: 'stream' }, never))
    expect(stream).to.be.instanceOf(ConfigError)
    expect(stream).to.include({ code: 'RESYNC_UNSUPPORTED' })
    for (const split of ['clicks/0', 'snapshot/public.other/0', 'sweep/public.other']) {
      const beside = {
        ...table!,
        positions: new Map([
          ['log', '0/1'],
          [split, 'x'],
        ]),
      }
      expect(String(await errorOf(source.checkResync!(beside, never)))).to.include(`too (${split})`)
    }
    const own = {
      ...table!,
      positions: new Map(['log', 'snapshot/public.t/0', 'sweep/public.t'].map(id => [id, '0/1'])),
    }
    await source.checkResync!(own, never)
    const ahead = { ...table!, positions: new Map([['log', 'FFFF/0']]) }
    const other = await errorOf(source.checkResync!(ahead, never))
    expect(String(other)).to.match(/public\.t cannot be read again: .* the table at FFFF\/0/)
  })
})
