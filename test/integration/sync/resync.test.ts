// Tables that lost the thread are read again, under load, the worker killed at random moments: in the end they are what the
// source is, and on the way nobody sees half a table.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { FileStore } from '#lake/storage/file.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { bankTables, hashOfSource, openBank } from './bank.ts'
import { bankJob, bankTouches, connect, keepBusy, untilInStep } from './bank-job.ts'
import { folderLake } from './lakes.ts'
import { Random } from './random.ts'
import { SluiceProcess } from './sluice-process.ts'

const kills = 6

describe('PostgreSQL tables that are read again', () => {
  requires('postgres', 'hudi')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  it('get what nobody was told of, and lose what is gone, while the worker is killed', async function () {
    this.timeout(240_000)
    const random = new Random(7)
    const server = await startPostgres()
    const lake = await folderLake()
    const client = await connect(server)
    await openBank(client)
    let sluice = await SluiceProcess.prepare(bankJob(server, lake))
    const ended = new AbortController()
    try {
      sluice.start()
      await sluice.until(({ phase }) => phase === 'streaming')
      await untilInStep(client, sluice)
      await sluice.stop()

      await client.query(`
        do $$ declare name text; begin
          select pubname into name from pg_publication;
          execute format('alter publication %I drop table accounts', name);
        end $$;
        delete from accounts where id % 7 = 0;
        update accounts set owner = 'unheard of' where id % 5 = 0;
        insert into accounts (id, owner, balance) select n, 'came unheard', 1 from generate_series(500001, 500100) n;`)
      sluice.start()
      const lost = await sluice.until(({ error }) => error !== null)
      expect(lost.error!.code).to.equal('PG_PUBLICATION_LOST')
      await sluice.stop()

      const traffic = keepBusy(server, random, ended.signal)
      const counted = countRows(lake.table('accounts').url, ended.signal)
      sluice = await SluiceProcess.prepare(
        bankJob(server, lake, '  resync: {id: one, tables: [public.accounts]}\n'),
      )
      for (let kill = 0; kill < kills; kill++) {
        sluice.start()
        await delay(300 + random.below(1500))
        await sluice.kill9()
      }
      sluice.start()
      const done = await sluice.until(
        ({ resync, phase }) => resync?.left.length === 0 && phase === 'streaming',
      )
      expect(done.resync).to.deep.equal({ id: 'one', tables: 1, left: [] })
      ended.abort()
      await traffic
      const counts = await counted
      expect(counts.length).to.be.greaterThan(5)
      expect(Math.min(...counts), 'rows that a reader found').to.be.greaterThan(3500)
      await untilInStep(client, sluice)
      await sluice.stop()
      for (const table of Object.keys(bankTables)) {
        const { url } = lake.table(table)
        const columns = Object.keys(bankTables[table]!)
        const source = await hashOfSource(client, table)
        expect(await readers.hashRs(url, { columns }), `${table} by hudi-rs`).to.deep.include(source)
        expect(await readers.hashSpark(url, { columns }), `${table} by Spark`).to.deep.include(source)
      }
    } finally {
      ended.abort()
      await sluice.kill9()
      await client.end()
      await server.stop()
      await lake.stop()
    }
  })

  it('go on with a new slot when theirs is gone, and those without a key are started over', async function () {
    this.timeout(120_000)
    const server = await startPostgres()
    const lake = await folderLake()
    const client = await connect(server)
    await openBank(client)
    await client.query(`create table notes (n int not null, note text); alter table notes replica identity full;
      insert into notes select n, 'note ' || n from generate_series(1, 3000) n`)
    let sluice = await SluiceProcess.prepare(bankJob(server, lake))
    try {
      sluice.start()
      await sluice.until(({ phase }) => phase === 'streaming')
      await client.query(`begin; ${bankTouches}; insert into notes values (0, 'by the log'); commit`)
      await untilInStep(client, sluice, '')
      await sluice.stop()
      await client.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots`)
      await client.query(
        'delete from accounts where id < 100; delete from postings where number = 2; delete from notes where n > 2000',
      )
      sluice.start()
      const lost = await sluice.until(({ error }) => error !== null)
      expect(lost.error!.code).to.equal('PG_SLOT_LOST')
      await sluice.stop()
      sluice = await SluiceProcess.prepare(bankJob(server, lake, '  resync: {id: one}\n'))
      sluice.start()
      await sluice.until(({ resync, phase }) => resync?.left.length === 0 && phase === 'streaming')
      await client.query(`begin; ${bankTouches};
        update postings set amount = 7 where number = 1; insert into notes values (-1, 'afterwards'); commit`)
      await untilInStep(client, sluice, '')
      await sluice.stop()
      for (const table of Object.keys(bankTables)) {
        const columns = Object.keys(bankTables[table]!)
        const found = await readers.hashRs(lake.table(table).url, { columns })
        expect(found, table).to.deep.include(await hashOfSource(client, table))
      }
      const types = { n: { kind: 'int32' }, note: { kind: 'string' } } as const
      const notes = await hashOfSource(client, 'notes', types)
      const options = { columns: Object.keys(types) }
      expect(await readers.hashRs(lake.table('notes').url, options), 'notes by hudi-rs').to.deep.include(
        notes,
      )
      expect(await readers.hashSpark(lake.table('notes').url, options), 'notes by Spark').to.deep.include(
        notes,
      )
    } finally {
      await sluice.kill9()
      await client.end()
      await server.stop()
      await lake.stop()
    }
  })
})

/** Counts the rows of a table again and again. */
async function countRows(folder: string, signal: AbortSignal): Promise<number[]> {
  const counts: number[] = []
  while (!signal.aborted) {
    let rows = 0
    const reader = await TableReader.open(new FileStore(folder, systemClock))
    for await (const batch of reader.read({ columns: ['id'] })) rows += batch.rows
    counts.push(rows)
    await delay(100)
  }
  return counts
}
