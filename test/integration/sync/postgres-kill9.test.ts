// Exactly once, shown the hard way: a real database under load, a worker killed at random moments, and the lake
// compared with the source row by row by two readers we did not write.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { bankTables, hashOfSource, moveMoney, openBank } from './bank.ts'
import type { TestLake } from './lakes.ts'
import { folderLake, s3Lake } from './lakes.ts'
import { Random } from './random.ts'
import { SluiceProcess } from './sluice-process.ts'

const kills = 20

function jobYaml(server: PostgresServer, lake: TestLake): string {
  return `
apiVersion: v1
kind: Secret
metadata: {name: bank}
stringData: {password: ${server.password}}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: bank}
spec:
  type: postgres
  postgres:
    host: ${server.host}
    port: ${server.port}
    database: ${server.database}
    user: {value: ${server.user}}
    password: {secretKeyRef: {name: bank, key: password}}
    tls: {mode: disable}
${lake.yaml}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: bank-to-lake}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: [{include: "public.*"}]
  freshness: 1s
`
}

async function connect(server: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  return client
}

/** Waits until the slot has confirmed everything written so far: all of it is then in the lake. */
async function untilInStep(client: Client, sluice: SluiceProcess): Promise<void> {
  const end = (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]!.lsn
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

const runs = [
  { seed: 1, lakeName: 'file', makeLake: folderLake },
  { seed: 2, lakeName: 'file', makeLake: folderLake },
  { seed: 3, lakeName: 's3', makeLake: s3Lake },
]

describe('PostgreSQL to Hudi, the worker killed at random', () => {
  requires('postgres', 'minio', 'hudi')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  for (const { seed, lakeName, makeLake } of runs)
    it(`loses nothing and doubles nothing over ${kills} kills (seed ${seed}, ${lakeName})`, async function () {
      this.timeout(300_000)
      const random = new Random(seed)
      const server = await startPostgres()
      const lake = await makeLake()
      const client = await connect(server)
      await openBank(client)
      const sluice = await SluiceProcess.prepare(jobYaml(server, lake))
      const busy = new AbortController()
      const traffic = keepBusy(server, random, busy.signal)
      try {
        for (let kill = 0; kill < kills; kill++) {
          sluice.start()
          await delay(300 + random.below(2200))
          await sluice.kill9()
        }
        sluice.start()
        await delay(1000)
        busy.abort()
        const transactions = await traffic
        expect(transactions, 'transactions during the kills').to.be.greaterThan(500)
        await untilInStep(client, sluice)
        expect(await sluice.stop(), sluice.log.slice(-2000)).to.equal(0)
        for (const table of Object.keys(bankTables)) {
          const columns = Object.keys(bankTables[table]!)
          const source = await hashOfSource(client, table)
          const { url, s3 } = lake.table(table)
          const options = { columns, ...(s3 ? { s3 } : {}) }
          expect(await readers.hashRs(url, options), `${table} by hudi-rs`).to.deep.include(source)
          expect(await readers.hashSpark(url, options), `${table} by Spark`).to.deep.include(source)
        }
      } finally {
        busy.abort()
        await sluice.kill9()
        await client.end()
        await server.stop()
        await lake.stop()
      }
    })
})

async function keepBusy(server: PostgresServer, random: Random, signal: AbortSignal): Promise<number> {
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
