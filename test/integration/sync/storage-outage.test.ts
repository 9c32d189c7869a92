// The storage of the lake goes away under a running job: the status says so within a minute or two, the process lives
// on, ends in time when it is told to, and goes on by itself when the storage is back.
import { expect } from 'chai'
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

describe('a job whose storage goes away', function () {
  this.timeout(300_000)
  requires('postgres', 'minio')
  let server: PostgresServer
  let client: Client
  let minio: BedMinio
  let proxy: FaultProxy
  let sluice: SluiceProcess
  let rows = 0

  async function insert(count: number): Promise<void> {
    await client.query('INSERT INTO t SELECT i, $3 FROM generate_series($1::int, $2::int) i', [
      rows,
      rows + count - 1,
      'x'.repeat(100),
    ])
    rows += count
  }

  function yaml(): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: db}
spec:
  type: postgres
  postgres: {host: ${server.host}, port: ${server.port}, database: ${server.database}, user: {value: ${server.user}}, password: {value: "${server.password}"}, tls: {mode: disable}}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec:
  type: hudi
  hudi:
    url: s3://lake/ods
    s3: {endpoint: "${proxy.endpoint}", accessKeyId: {value: ${minio.accessKey}}, secretAccessKey: {value: ${minio.secretKey}}}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: job}
spec: {source: {name: db}, target: {name: lake}, tables: [{include: public.t, target: {table: t}}], freshness: 1s, worker: {lanes: 1}}
`
  }

  async function idsInLake(): Promise<number[]> {
    const credentials = { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey }
    const store = await openStore('s3://lake/ods/t', {
      clock: systemClock,
      s3: { endpoint: minio.endpoint, pathStyle: true, credentials },
    })
    const found: number[] = []
    for await (const { columns, rows: count } of (await TableReader.open(store)).read({ columns: ['id'] })) {
      const { vector } = columns[0]!
      if (vector.layout !== 'int32') throw new Error('id is no int32')
      found.push(...vector.values.subarray(0, count))
    }
    await store.close()
    return found.sort((a, b) => a - b)
  }

  async function caughtUp(): Promise<void> {
    for (let found: number[] = []; found.length < rows; found = await idsInLake())
      await new Promise(resolve => setTimeout(resolve, 500))
    expect(await idsInLake()).to.deep.equal(Array.from({ length: rows }, (_, i) => i))
  }

  before(async () => {
    server = await startPostgres()
    client = new Client({ connectionString: server.url })
    await client.connect()
    await client.query('CREATE TABLE t (id int PRIMARY KEY, note text)')
    minio = await startMinio()
    await minio.createBucket('lake')
    proxy = await startFaultProxy(minio.endpoint)
    await insert(500)
    sluice = await SluiceProcess.prepare(yaml())
    sluice.start()
    await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal >= 500)
  })

  after(async () => {
    await sluice?.kill9()
    await proxy?.stop()
    await client?.end()
    await server?.stop()
    await minio?.stop()
  })

  for (const [name, fault, code] of [
    ['refuses', { kind: 'answer', status: 403, code: 'AccessDenied' }, 'STORAGE_DENIED'],
    ['is overloaded', { kind: 'answer', status: 503, code: 'SlowDown' }, 'STORAGE_UNAVAILABLE'],
    ['says nothing', { kind: 'black hole' }, 'STORAGE_UNAVAILABLE'],
  ] as [string, Fault, string][])
    it(`${name}: it says ${code}, and goes on when that is over`, async () => {
      proxy.setRule(() => fault)
      await insert(500)
      const status = await sluice.until(({ error }) => error !== null, 150_000)
      expect(status.error!.code).to.equal(code)
      expect(sluice.alive).to.equal(true)
      proxy.setRule(null)
      await sluice.until(({ error, phase }) => error === null && phase === 'streaming', 90_000)
      await caughtUp()
    })

  it('says nothing when it is told to stop: it ends all the same, and loses nothing', async () => {
    proxy.setRule(() => ({ kind: 'black hole' }))
    await insert(500)
    await new Promise(resolve => setTimeout(resolve, 2_000))
    // Should it not end, the time limit of the test is over.
    await sluice.stop()
    proxy.setRule(null)
    sluice.start()
    await sluice.until(({ phase, error }) => phase === 'streaming' && error === null)
    await caughtUp()
  }).timeout(120_000)
})
