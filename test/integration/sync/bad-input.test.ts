// What people get wrong and what the world does: each must end in a clear error with its code on the status, with
// the process alive, nothing lost, and work resumed once the cause is gone.
import { expect } from 'chai'
import { Kafka, logLevel } from 'kafkajs'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { startMinio } from '#test/bed/minio.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { SluiceProcess } from './sluice-process.ts'
import { postgresSource } from './sources.ts'

const execute = promisify(execFile)

interface Job {
  postgres?: Partial<PostgresServer>
  include?: string
  lake?: string
}

function postgresYaml(
  server: PostgresServer,
  folder: string,
  { postgres = {}, include = 'public.good', lake }: Job,
): string {
  return `${postgresSource('db', { ...server, ...postgres })}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec: {type: hudi, hudi: ${lake ?? `{url: "file://${folder}"}`}}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: job}
spec: {source: {name: db}, target: {name: lake}, tables: [{include: ${include}}], freshness: 1s, worker: {lanes: 1}}
`
}

/** Runs the job until its status shows the error, checks that the process lives on, and stops it. */
async function expectError(yaml: string, code: string, message: RegExp): Promise<void> {
  const sluice = await SluiceProcess.prepare(yaml)
  sluice.start()
  try {
    const status = await sluice.until(({ error }) => error !== null, 20_000)
    expect(status.error!.code, status.error!.message).to.equal(code)
    expect(status.error!.message).to.match(message)
    await delay(300)
    expect(sluice.alive, 'no crash loop').to.equal(true)
  } finally {
    await sluice.kill9()
  }
}

async function rowsIn(table: string): Promise<number> {
  const reader = await TableReader.open(await openStore(`file://${table}`, { clock: systemClock }))
  let rows = 0
  for await (const batch of reader.read({ columns: ['id'] })) rows += batch.rows
  return rows
}

/** On a server of its own, beside other tests: an idle worker looks at its tables twice a minute only. */
async function removeTargetTable(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bad-'))
  const server = await startPostgres()
  const client = new Client({ connectionString: server.url })
  await client.connect()
  await client.query('create table again as select n as id from generate_series(1, 500) n')
  await client.query('alter table again add primary key (id)')
  const sluice = await SluiceProcess.prepare(postgresYaml(server, folder, { include: 'public.again' }))
  sluice.start()
  try {
    await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal === 500, 20_000)
    await rm(join(folder, 'again'), { recursive: true })
    await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal === 1000, 80_000)
    await client.query('insert into again values (501)')
    await sluice.until(({ error, rowsTotal }) => error === null && rowsTotal === 1001, 20_000)
  } finally {
    await sluice.kill9()
    await client.end()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

describe('bad input from PostgreSQL and the lake', () => {
  requires('postgres', 'minio')
  let removed: Promise<void>
  let server: PostgresServer
  let client: Client
  let folder: string
  before(async () => {
    removed = removeTargetTable()
    removed.catch(() => undefined) // its test tells
    server = await startPostgres()
    client = new Client({ connectionString: server.url })
    await client.connect()
    await client.query('create table good (id int primary key, v text); insert into good values (1, $$one$$)')
  })
  after(async () => {
    await Promise.allSettled([removed])
    await client.end()
    await server.stop()
  })
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'sluice-bad-'))))
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
    await client
      .query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active and not temporary',
      )
      .catch(() => undefined)
  })

  const cases: { name: string; job: Job; code: string; message: RegExp }[] = [
    {
      name: 'a host that does not exist',
      job: { postgres: { host: 'no-such-host.invalid' } },
      code: 'SOURCE_UNREACHABLE',
      message: /no-such-host\.invalid/,
    },
    {
      name: 'a port where nothing listens',
      job: { postgres: { port: 1 } },
      code: 'SOURCE_UNREACHABLE',
      message: /127\.0\.0\.1:1/,
    },
    {
      name: 'a wrong password',
      job: { postgres: { password: 'wr0ng' } },
      code: 'SOURCE_AUTH_FAILED',
      message: /sluice/,
    },
    {
      name: 'a database that does not exist',
      job: { postgres: { database: 'nowhere' } },
      code: 'PG_DATABASE_NOT_FOUND',
      message: /nowhere/,
    },
    {
      name: 'a table that does not exist',
      job: { include: 'public.missing' },
      code: 'TABLE_NOT_FOUND',
      message: /public\.missing.*public\.good/,
    },
  ]
  for (const { name, job, code, message } of cases)
    it(`${name}: ${code}`, async function () {
      this.timeout(40_000)
      await expectError(postgresYaml(server, folder, job), code, message)
    })

  it('never shows the password', async function () {
    this.timeout(40_000)
    const sluice = await SluiceProcess.prepare(
      postgresYaml(server, folder, { postgres: { password: 'hush-hush-42' } }),
    )
    sluice.start()
    const status = await sluice.until(({ error }) => error !== null, 20_000)
    await sluice.kill9()
    expect(JSON.stringify(status) + sluice.log).not.to.include('hush-hush-42')
  })

  it('goes on by itself when a missing table is made', async function () {
    this.timeout(60_000)
    const sluice = await SluiceProcess.prepare(postgresYaml(server, folder, { include: 'public.late' }))
    sluice.start()
    try {
      await sluice.until(({ error }) => error?.code === 'TABLE_NOT_FOUND', 20_000)
      await client.query('create table late (id int primary key); insert into late values (1), (2)')
      await sluice.until(({ error, rowsTotal }) => error === null && rowsTotal === 2, 40_000)
    } finally {
      await sluice.kill9()
    }
  })

  it('a value that does not fit: VALUE_OUT_OF_RANGE names the column, and the row arrives once it fits', async function () {
    this.timeout(90_000)
    await client.query(
      `create table odd (id int primary key, at timestamptz); insert into odd values (1, 'infinity')`,
    )
    const sluice = await SluiceProcess.prepare(postgresYaml(server, folder, { include: 'public.odd' }))
    sluice.start()
    try {
      const { error } = await sluice.until(status => status.error !== null, 20_000)
      expect(error!.code).to.equal('VALUE_OUT_OF_RANGE')
      expect(error!.message).to.match(/\bat\b/)
      await client.query(`update odd set at = '2026-01-01Z'`)
      await sluice.until(status => status.error === null && status.rowsTotal >= 1, 60_000)
    } finally {
      await sluice.kill9()
    }
  })

  it('a slot dropped behind our back: PG_SLOT_LOST, and nothing is pretended', async function () {
    this.timeout(60_000)
    const sluice = await SluiceProcess.prepare(postgresYaml(server, folder, {}))
    sluice.start()
    await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal === 1, 20_000)
    await sluice.stop()
    await client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where not temporary',
    )
    sluice.start()
    try {
      const { error } = await sluice.until(status => status.error !== null, 20_000)
      expect(error!.code).to.equal('PG_SLOT_LOST')
    } finally {
      await sluice.kill9()
    }
  })

  it('a target table removed while workers have it open is read anew, and no row is missing', async function () {
    this.timeout(120_000)
    await removed
  })

  it('wal_level that is not logical: PG_WAL_LEVEL', async function () {
    this.timeout(60_000)
    const replica = await startPostgres({ walLevel: 'replica' })
    try {
      const other = new Client({ connectionString: replica.url })
      await other.connect()
      await other.query('create table good (id int primary key)')
      await other.end()
      await expectError(postgresYaml(replica, folder, {}), 'PG_WAL_LEVEL', /wal_level/)
    } finally {
      await replica.stop()
    }
  })

  it('a bucket without permission: STORAGE_DENIED; one that does not exist: STORAGE_NOT_FOUND', async function () {
    this.timeout(60_000)
    const minio = await startMinio()
    try {
      await minio.createBucket('lake')
      const at = (bucket: string, secret: string): string =>
        `{url: "s3://${bucket}/ods", s3: {endpoint: "${minio.endpoint}", region: ${minio.region}, pathStyle: true, accessKeyId: {value: ${minio.accessKey}}, secretAccessKey: {value: ${secret}}}}`
      await expectError(
        postgresYaml(server, folder, { lake: at('lake', 'not-the-secret') }),
        'STORAGE_DENIED',
        /lake/,
      )
      await expectError(
        postgresYaml(server, folder, { lake: at('no-such-bucket', minio.secretKey) }),
        'STORAGE_NOT_FOUND',
        /no-such-bucket/,
      )
    } finally {
      await minio.stop()
    }
  })

  it('a full disk: STORAGE_FULL, and every row arrives once there is room', async function () {
    this.timeout(90_000)
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
    const sluice = await SluiceProcess.prepare(postgresYaml(server, folder, { include: 'public.big' }))
    try {
      await client.query(
        `create table big as select n as id, md5(n::text) || md5((n+1)::text) || md5((n+2)::text) as v from generate_series(1, 60000) n; alter table big add primary key (id)`,
      )
      sluice.start()
      await sluice.until(({ error }) => error?.code === 'STORAGE_FULL', 30_000)
      expect(sluice.alive).to.equal(true)
      await execute('mount', ['-o', 'remount,size=200m', folder])
      // What the worker counts leaves out a commit that it did not hear the end of; the table does not.
      await sluice.until(({ phase, error }) => phase === 'streaming' && error === null, 60_000)
      expect(await rowsIn(join(folder, 'big'))).to.equal(60_000)
    } finally {
      await sluice.kill9()
      await execute('umount', [folder])
    }
  })
})

describe('bad input from Kafka', () => {
  requires('kafka')
  let broker: BedKafka
  let folder: string
  before(async function () {
    this.timeout(60_000)
    broker = await startKafka()
  })
  after(() => broker.stop())
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'sluice-bad-'))))
  afterEach(() => rm(folder, { recursive: true, force: true }))

  async function produce(topic: string, values: string[]): Promise<void> {
    const producer = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).producer()
    await producer.connect()
    const admin = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
    await producer.send({ topic, messages: values.map(value => ({ value })) })
    await admin.disconnect()
    await producer.disconnect()
  }

  const yaml = (topic: string, policy: string): string => `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec: {type: kafka, kafka: {brokers: ["${broker.brokers[0]}"]}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: v}
spec: {source: {name: events, object: ${topic}}, columns: [{name: id, type: int32, nullable: false}]}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec: {type: hudi, hudi: {url: "file://${folder}"}}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: job}
spec: {source: {name: events}, target: {name: lake}, tables: [{include: ${topic}}], freshness: 1s, badRecords: {policy: ${policy}}, worker: {lanes: 1}}
`
  const cases = [
    {
      name: 'JSON that is not JSON',
      topic: 'torn',
      value: '{"id": 1',
      code: 'RECORD_MALFORMED',
      message: /torn/,
    },
    {
      name: 'a number that does not fit',
      topic: 'wide',
      value: '{"id": 2147483648}',
      code: 'VALUE_OUT_OF_RANGE',
      message: /\bid\b/,
    },
    {
      name: 'a missing value',
      topic: 'gap',
      value: '{"other": 1}',
      code: 'RECORD_MALFORMED',
      message: /\bid\b/,
    },
  ]
  for (const { name, topic, value, code, message } of cases) {
    it(`${name}: ${code}, naming the place`, async function () {
      this.timeout(60_000)
      await produce(topic, ['{"id": 1}', value, '{"id": 3}'])
      await expectError(yaml(topic, 'fail'), code, message)
    })
    it(`${name}, under the policy skip: the other records arrive`, async function () {
      this.timeout(60_000)
      const sluice = await SluiceProcess.prepare(yaml(topic, 'skip'))
      sluice.start()
      try {
        await sluice.until(({ error, rowsTotal }) => error === null && rowsTotal === 2, 30_000)
      } finally {
        await sluice.kill9()
      }
    })
  }

  it('a topic that does not exist: TABLE_NOT_FOUND', async function () {
    this.timeout(60_000)
    await expectError(yaml('nothing-here', 'fail'), 'TABLE_NOT_FOUND', /nothing-here/)
  })
})
