// A cluster with Sluice on it, a PostgreSQL database with money that moves, and a job `bank-to-lake` between it and a lake.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { bankTables, hashOfSource, moveMoney, openBank } from '#test/integration/sync/bank.ts'
import { Random } from '#test/integration/sync/random.ts'
import { modestResources, SluiceCluster } from './sluice-cluster.ts'

/** The database's user that the job connects as; the tests' own is another one. */
const reader = 'reader'

export class BankCluster extends SluiceCluster {
  server!: PostgresServer
  client!: Client

  /** `namespace`: of this file alone; that of another one may still be on its way out. */
  constructor(namespace: string) {
    super(namespace, 'bank-to-lake')
  }

  override async start(): Promise<void> {
    await super.start()
    this.server = await startPostgres({ host: this.cluster.nodeIp })
    await this.connect()
    await openBank(this.client)
    await this.client.query(`create role ${reader} superuser login password 'first'`)
  }

  override async stop(): Promise<void> {
    await this.client?.end().catch(() => undefined)
    await super.stop()
    await this.server?.stop()
  }

  /** A connection of the tests' own, also after the server was away. */
  async connect(): Promise<void> {
    this.client = new Client({ connectionString: this.server.url })
    // The server may be killed while it is idle.
    this.client.on('error', () => undefined)
    await this.client.connect()
  }

  /** Slots and publications at the source. */
  async madeAtSource(): Promise<number[]> {
    const { rows } = await this.client.query<{ slots: string; publications: string }>(
      'select (select count(*) from pg_replication_slots) slots, (select count(*) from pg_publication) publications',
    )
    return [Number(rows[0]?.slots), Number(rows[0]?.publications)]
  }

  /** Of the job: the slot of one that sleeps stands where it fell asleep. */
  async untilInStep(): Promise<void> {
    const { rows } = await this.client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await this.until('everything written is in the lake', async () => {
      const confirmed = await this.client.query<{ done: boolean | null }>(
        'select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary and slot_name like $2',
        [rows[0]?.lsn, `%${this.job.replaceAll('-', '_')}%`],
      )
      return confirmed.rows[0]?.done === true
    })
  }

  /** `names`: tables of the source, and what they are called in the lake. */
  async expectSameRows(
    names: Record<string, string> = { accounts: 'accounts', postings: 'postings' },
  ): Promise<void> {
    for (const [table, copy] of Object.entries(names)) {
      const source = await hashOfSource(this.client, table)
      expect(source.count, `rows of ${table}`).to.be.greaterThan(1000)
      await this.expectRows(copy, Object.keys(bankTables[table] ?? {}), source)
    }
  }

  secrets(password = 'first'): string {
    return `
apiVersion: v1
kind: Secret
metadata: {name: bank}
stringData: {user: ${reader}, password: ${password}}
${this.lakeSecret()}`
  }

  /** The server lets the job's user in with another password from now on; connections of before are ended. */
  async changePassword(password: string): Promise<void> {
    await this.client.query(`alter role ${reader} password '${password}'`)
    await this.client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      reader,
    ])
  }

  /** `protection`: of the database, as YAML. */
  dataSources(protection = '{}'): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: bank}
spec:
  type: postgres
  postgres:
    host: ${this.cluster.nodeIp}
    port: ${this.server.port}
    database: ${this.server.database}
    user: {secretKeyRef: {name: bank, key: user}}
    password: {secretKeyRef: {name: bank, key: password}}
    tls: {mode: disable}
  protection: ${protection}
${this.lakeSource()}`
  }

  syncJob(more = '', { lanes = 2, tables = '[{include: "public.*"}]' } = {}): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${this.job}}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: ${tables}
  freshness: 1s
  worker: {lanes: ${lanes}, resources: ${modestResources}}
${more}`
  }

  /** Moves money until the signal aborts; resolves to how many transactions there were. */
  async keepBusy(signal: AbortSignal, nextId = 1_000_000): Promise<number> {
    let transactions = 0
    await this.moveMoney({ nextId }, signal, () => transactions++)
    return transactions
  }

  /** Moves money over one connection, and calls after each transaction. @throws when the connection ends */
  async moveMoney(from: { nextId: number }, signal: AbortSignal, moved: () => number): Promise<void> {
    const client = new Client({ connectionString: this.server.url })
    client.on('error', () => undefined)
    await client.connect()
    const random = new Random(from.nextId)
    try {
      while (!signal.aborted) {
        await moveMoney(client, random, from)
        if (moved() % 10 === 0) await delay(20)
      }
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}
