// Three workers share a snapshot, whose planner holds it open and is killed, and then one of them reads the log, until it is
// killed: the lake must hold what the database holds. At the end a new set of workers reads a table again.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { ColumnType } from '#catalog/types.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { canonicalRow, hashRows } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { bankJob, bankTouches, connect, touches } from './bank-job.ts'
import { bankTables, hashOfSource, moveMoney, openBank } from './bank.ts'
import { folderLake } from './lakes.ts'
import { Random } from './random.ts'
import type { FleetWorker } from './worker-fleet.ts'
import { WorkerFleet } from './worker-fleet.ts'

const historyRows = 600_000
/** After most of it was removed. */
const historyRowsLater = 200_000
const touchAll = `${bankTouches}; ${touches({ history: 'note' })}`
const historyTypes: Readonly<Record<string, ColumnType>> = { id: { kind: 'int64' }, note: { kind: 'string' } }

/** Changes all tables until the signal aborts: one without changes would be told to the server as read twice a minute only. */
async function keepBusy(server: PostgresServer, random: Random, signal: AbortSignal): Promise<number> {
  const client = await connect(server)
  const from = { nextId: 1_000_000 }
  let transactions = 0
  for (; !signal.aborted; transactions++) {
    await moveMoney(client, random, from)
    const id = 1 + random.below(historyRows)
    await client.query('update history set note = $1 where id = $2', [`changed ${transactions}`, id])
    await delay(5)
  }
  await client.end()
  return transactions
}

async function hashOfHistory(client: Client): Promise<RowSetHash> {
  const { rows } = await client.query<{ id: string; note: string }>('select id, note from history')
  return hashRows(rows.map(({ id, note }) => canonicalRow(historyTypes, { id: Number(id), note })))
}

describe('PostgreSQL to Hudi by three workers', () => {
  requires('postgres', 'hudi-rs')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  it('holds what the source holds, though the planner of the snapshot and the reader of the log are killed', async function () {
    this.timeout(400_000)
    const server = await startPostgres()
    const lake = await folderLake()
    const client = await connect(server)
    await openBank(client)
    await client.query('create table history (id bigint primary key, note text not null)')
    await client.query(
      `insert into history select n, repeat(md5(n::text), 4) from generate_series(1, ${historyRows}) n`,
    )
    await client.query('analyze')
    const yaml = (spec = ''): string =>
      bankJob(
        server,
        lake,
        `  worker: {lanes: 1, bufferSize: 32Mi}\n${spec}`,
        '    snapshot: {rangeBytes: 4194304}\n',
      )
    const fleet = await WorkerFleet.open(yaml())
    const busy = new AbortController()
    const traffic = keepBusy(server, new Random(31), busy.signal)
    const end = async (): Promise<string> =>
      (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]!.lsn
    /** Everything written up to there is in the lake. */
    const isConfirmed = async (lsn: string): Promise<boolean> => {
      const { rows } = await client.query<{ done: boolean | null }>(
        'select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary',
        [lsn],
      )
      return rows[0]!.done === true
    }
    try {
      await Promise.all([fleet.start(), fleet.start(), fleet.start()])
      // On a busy machine the third may come when the others are nearly done.
      await fleet.until('several copy', async () => {
        const copying = (await fleet.statuses()).filter(({ phase }) => phase === 'snapshot')
        return copying.filter(({ rowsTotal }) => rowsTotal > 0).length >= 2
      })
      const planner = [...fleet.workers].find(({ pod }) => pod === fleet.master.planner)!
      await fleet.lose(planner)
      const copied = await fleet.rows()
      expect(copied, 'rows when the planner was killed').to.be.lessThan(historyRows)
      console.log(`      the planner was killed when the others had ${copied} rows`)
      const copying = await fleet.until(
        'rows by another plan',
        async () => (await fleet.rows()) > copied + 20_000,
      )
      say('rows again', copying)
      await fleet.start()

      const readerOfLog = async () => (await fleet.readers()).get('log')
      say(
        'the log is read',
        await fleet.until('the log is read', async () => (await readerOfLog()) !== undefined, 120_000),
      )
      const first = await end()
      say('in step', await fleet.until('in step', () => isConfirmed(first), 120_000))
      await fleet.lose((await readerOfLog())!)
      say(
        'another reads the log',
        await fleet.until('another reads', async () => (await readerOfLog()) !== undefined),
      )
      const second = await end()
      say('and is in step', await fleet.until('another reader', () => isConfirmed(second), 120_000))

      const stopping = fleet.stop((await readerOfLog())!)
      const third = await end()
      say(
        'one stopped, the last one is in step',
        await fleet.until('the last reader', () => isConfirmed(third)),
      )
      expect(await stopping).to.equal(0)

      busy.abort()
      expect(await traffic, 'transactions meanwhile').to.be.greaterThan(500)
      const last = await end()
      await client.query(touchAll)
      say('in step at the end', await fleet.until('in step at the end', () => isConfirmed(last), 120_000))
      for (const worker of fleet.workers) expect(await fleet.stop(worker), worker.process.log).to.equal(0)
      const isAsSource = async (): Promise<void> => {
        const sources: Record<string, [RowSetHash, string[]]> = {
          history: [await hashOfHistory(client), Object.keys(historyTypes)],
        }
        for (const table of Object.keys(bankTables))
          sources[table] = [await hashOfSource(client, table), Object.keys(bankTables[table]!)]
        for (const [table, [source, read]] of Object.entries(sources))
          expect(await readers.hashRs(lake.table(table).url, { columns: read }), table).to.deep.include(
            source,
          )
      }
      await isAsSource()

      await client.query(`
        do $$ declare name text; begin
          select pubname into name from pg_publication;
          execute format('alter publication %I drop table history', name);
        end $$;
        delete from history where id > ${historyRowsLater};
        update history set note = 'unheard of' where id % 50 = 0;
        insert into history select n, 'came unheard' from generate_series(${historyRows + 1}, ${historyRows + 100}) n;`)
      await fleet.change(yaml('  resync: {id: again, tables: [public.history]}\n'))
      await Promise.all([fleet.start(), fleet.start(), fleet.start()])
      const read = new Set<FleetWorker>()
      say(
        'read again',
        await fleet.until(
          'read again',
          async () => {
            for (const worker of fleet.workers)
              if (((await worker.process.status())?.rowsTotal ?? 0) > 0) read.add(worker)
            return (await fleet.statuses()).some(({ resync }) => resync?.left.length === 0)
          },
          120_000,
        ),
      )
      expect(read.size, 'workers that read the table again').to.be.at.least(2)
      const again = await end()
      await client.query(touchAll)
      say('in step after that', await fleet.until('in step after that', () => isConfirmed(again), 120_000))
      await isAsSource()
    } finally {
      busy.abort()
      await traffic
      await fleet.close()
      await client.end()
      await server.stop()
      await lake.stop()
    }
  })
})

function say(what: string, ms: number): void {
  console.log(`      ${what}: ${(ms / 1000).toFixed(1)} s`)
}
