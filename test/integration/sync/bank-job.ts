// The job that keeps the bank in step in a lake, the traffic meanwhile, and the wait until all of it has arrived.
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { moveMoney } from './bank.ts'
import type { TestLake } from './lakes.ts'
import type { Random } from './random.ts'
import type { SluiceProcess } from './sluice-process.ts'
import { postgresSource } from './sources.ts'

/** `spec` and `postgres`: further lines of the SyncJob's and of the DataSource's. */
export function bankJob(server: PostgresServer, lake: TestLake, spec = '', postgres = ''): string {
  return `
apiVersion: v1
kind: Secret
metadata: {name: bank}
stringData: {password: ${server.password}}
---${postgresSource('bank', server, { passwordFrom: '{secretKeyRef: {name: bank, key: password}}', spec: postgres })}${lake.yaml}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: bank-to-lake}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: [{include: "public.*"}]
  freshness: 1s
${spec}`
}

export async function connect(server: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  return client
}

/**
 * SQL that changes nothing in a row of each table: how far a table without changes is would be told to the server twice a
 * minute only. `columns`: any one of each table, which has a key.
 */
export function touches(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(
      ([table, column]) =>
        `update ${table} set ${column} = ${column} where ctid = (select ctid from ${table} limit 1)`,
    )
    .join('; ')
}

export const bankTouches = touches({ accounts: 'owner', postings: 'note' })

/**
 * Waits until the slot has confirmed everything written so far: all of it is then in the lake. `then`: what is written
 * after that to all tables of the job; nothing, where the last transaction wrote to all of them.
 */
export async function untilInStep(client: Client, sluice: SluiceProcess, then = bankTouches): Promise<void> {
  const end = (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]!.lsn
  await client.query(then)
  for (let tries = 0; tries < 900; tries++) {
    const { rows } = await client.query<{ done: boolean | null }>(
      `select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary`,
      [end],
    )
    if (rows[0]!.done === true) return
    await delay(100)
  }
  throw new Error(
    `not in step after 90 s: ${JSON.stringify(await sluice.status())} ${sluice.log.slice(-4000)}`,
  )
}

export async function keepBusy(server: PostgresServer, random: Random, signal: AbortSignal): Promise<number> {
  const client = await connect(server)
  const from = { nextId: 1_000_000 }
  let transactions = 0
  for (; !signal.aborted; transactions++) {
    await moveMoney(client, random, from)
    if (transactions % 20 === 0) await delay(10)
  }
  await client.end()
  return transactions
}
