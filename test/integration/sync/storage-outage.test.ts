// The storage of the lake goes away under a running job: the status says so within a minute or two, the process lives
// on, ends in time when it is told to, and goes on by itself when the storage is back. Each way of going away happens to a
// job of its own, all at the same time: most of it is waiting.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { Fault, FaultProxy } from '#test/bed/fault-proxy.ts'
import { startFaultProxy } from '#test/bed/fault-proxy.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startMinio } from '#test/bed/minio.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { SluiceProcess } from './sluice-process.ts'
import { postgresSource } from './sources.ts'

interface Servers {
  postgres: PostgresServer
  client: Client
  minio: BedMinio
}

/** A job of one table with a way to the storage of its own. */
class OutageJob {
  readonly proxy: FaultProxy
  readonly sluice: SluiceProcess
  readonly #servers: Servers
  readonly #table: string
  #rows = 0

  private constructor(servers: Servers, parts: { proxy: FaultProxy; sluice: SluiceProcess; table: string }) {
    this.#servers = servers
    this.proxy = parts.proxy
    this.sluice = parts.sluice
    this.#table = parts.table
  }

  /** Runs it until it streams. */
  static async start(servers: Servers, table: string): Promise<OutageJob> {
    await servers.client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`)
    const proxy = await startFaultProxy(servers.minio.endpoint)
    const sluice = await SluiceProcess.prepare(jobYaml(servers, table, proxy.endpoint))
    const job = new OutageJob(servers, { proxy, sluice, table })
    await job.insert()
    sluice.start()
    await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal >= 500)
    return job
  }

  async insert(): Promise<void> {
    const [first, last] = [this.#rows, this.#rows + 499]
    const { client } = this.#servers
    await client.query(
      `INSERT INTO ${this.#table} SELECT i, repeat('x', 100) FROM generate_series($1::int, $2::int) i`,
      [first, last],
    )
    this.#rows = last + 1
  }

  async caughtUp(): Promise<void> {
    while ((await this.#idsInLake()).length < this.#rows) await delay(500)
    expect(await this.#idsInLake()).to.deep.equal(Array.from({ length: this.#rows }, (_, i) => i))
  }

  async stop(): Promise<void> {
    await this.sluice.kill9()
    await this.proxy.stop()
  }

  async #idsInLake(): Promise<number[]> {
    const { endpoint, accessKey, secretKey } = this.#servers.minio
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
    const s3 = { endpoint, pathStyle: true, credentials }
    const store = await openStore(`s3://lake/ods/${this.#table}`, { clock: systemClock, s3 })
    const found: number[] = []
    for await (const { columns, rows: count } of (await TableReader.open(store)).read({ columns: ['id'] })) {
      const { vector } = columns[0]!
      if (vector.layout !== 'int32') throw new Error('id is no int32')
      found.push(...vector.values.subarray(0, count))
    }
    await store.close()
    return found.sort((a, b) => a - b)
  }
}

function jobYaml({ postgres, minio }: Servers, table: string, endpoint: string): string {
  return `${postgresSource('db', postgres)}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec:
  type: hudi
  hudi:
    url: s3://lake/ods
    s3: {endpoint: "${endpoint}", accessKeyId: {value: ${minio.accessKey}}, secretAccessKey: {value: ${minio.secretKey}}}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${table.replaceAll('_', '-')}}
spec: {source: {name: db}, target: {name: lake}, tables: [{include: public.${table}, target: {table: ${table}}}], freshness: 1s, worker: {lanes: 1}}
`
}

async function goesAway(job: OutageJob, fault: Fault, code: string): Promise<void> {
  const { proxy, sluice } = job
  proxy.setRule(() => fault)
  await job.insert()
  const status = await sluice.until(({ error }) => error !== null, 150_000)
  expect(status.error!.code).to.equal(code)
  expect(sluice.alive).to.equal(true)
  proxy.setRule(null)
  await sluice.until(({ error, phase }) => error === null && phase === 'streaming', 90_000)
  await job.caughtUp()
}

async function isStopped(job: OutageJob): Promise<void> {
  const { proxy, sluice } = job
  proxy.setRule(() => ({ kind: 'black hole' }))
  await job.insert()
  await delay(2_000)
  const stopping = sluice.stop()
  await Promise.race([
    stopping,
    delay(60_000, undefined, { ref: false }).then(() => Promise.reject(new Error('it does not end'))),
  ])
  proxy.setRule(null)
  sluice.start()
  await sluice.until(({ phase, error }) => phase === 'streaming' && error === null)
  await job.caughtUp()
}

const faults: Readonly<Record<string, [Fault, string]>> = {
  refuses: [{ kind: 'answer', status: 403, code: 'AccessDenied' }, 'STORAGE_DENIED'],
  'is overloaded': [{ kind: 'answer', status: 503, code: 'SlowDown' }, 'STORAGE_UNAVAILABLE'],
  'says nothing': [{ kind: 'black hole' }, 'STORAGE_UNAVAILABLE'],
}

describe('a job whose storage goes away', function () {
  this.timeout(300_000)
  requires('postgres', 'minio')
  let servers: Servers
  const jobs: OutageJob[] = []
  const outages = new Map<string, Promise<void>>()

  before(async () => {
    const postgres = await startPostgres()
    const client = new Client({ connectionString: postgres.url })
    await client.connect()
    const minio = await startMinio()
    await minio.createBucket('lake')
    servers = { postgres, client, minio }
    const happens = new Map<string, (job: OutageJob) => Promise<void>>(
      Object.entries(faults).map(([name, [fault, code]]) => [name, job => goesAway(job, fault, code)]),
    )
    happens.set('stop', isStopped)
    for (const [name, outage] of happens) {
      const job = await OutageJob.start(servers, `t_${name.replaceAll(' ', '_')}`)
      jobs.push(job)
      const course = outage(job)
      course.catch(() => undefined) // its test tells
      outages.set(name, course)
    }
  })

  after(async () => {
    for (const job of jobs) await job.stop()
    await servers?.client.end()
    await servers?.postgres.stop()
    await servers?.minio.stop()
  })

  for (const [name, [, code]] of Object.entries(faults))
    it(`${name}: it says ${code}, and goes on when that is over`, () => outages.get(name))

  it('says nothing when it is told to stop: it ends all the same, and loses nothing', () =>
    outages.get('stop'))
})
