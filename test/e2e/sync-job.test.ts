// What a platform team does, from the first command to the last: install the chart on a cluster with a real node,
// apply two DataSources and a SyncJob, look at them, break things, delete the job. PostgreSQL and the lake's S3
// server run on this machine; operator and workers run as pods of our own image.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'pg'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startMinio } from '#test/bed/minio.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { bankTables, hashOfSource, moveMoney, openBank } from '#test/integration/sync/bank.ts'
import { Random } from '#test/integration/sync/random.ts'
import { buildSluiceImage, sluiceImage } from './sluice-image.ts'

const chart = fileURLToPath(new URL('../../helm/sluice', import.meta.url))
const work = join(tmpdir(), `sluice-e2e-${process.pid}`)
const namespace = 'bank'

describe('A SyncJob on a cluster', function () {
  this.timeout(300_000)
  requires('postgres', 'minio', 'hudi', 'kubernetes')
  let cluster: BedKubernetes
  let server: PostgresServer
  let minio: BedMinio
  let readers: HudiReaders
  let client: Client

  before(async () => {
    const archive = `${work}.tar`
    await buildSluiceImage(archive)
    cluster = await startKubernetes({ node: true, dns: true })
    await cluster.importImage(archive)
    await rm(archive)
    server = await startPostgres({ host: cluster.nodeIp })
    minio = await startMinio({ host: cluster.nodeIp })
    await minio.createBucket('lake')
    readers = await HudiReaders.start()
    client = new Client({ connectionString: server.url })
    await client.connect()
    await openBank(client)
  })

  after(async () => {
    await client?.end()
    await readers?.stop()
    await cluster?.stop()
    await server?.stop()
    await minio?.stop()
    await rm(`${work}.yaml`, { force: true })
  })

  async function apply(yaml: string): Promise<string> {
    await writeFile(`${work}.yaml`, yaml)
    return cluster.kubectl('apply', '-n', namespace, '-f', `${work}.yaml`)
  }

  const get = async <T>(...what: string[]): Promise<T> =>
    JSON.parse(await cluster.kubectl('get', '-n', namespace, ...what, '-o', 'json')) as T

  async function readiness(): Promise<string> {
    const { status } = await get<{ status?: SyncJobStatus }>('syncjob', 'bank-to-lake')
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    return ready === undefined ? 'unknown' : `${ready.status} ${ready.reason}: ${ready.message}`
  }

  async function until(what: string, condition: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
    const end = Date.now() + limitMs
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`never happened: ${what}\n${await situation()}`)
      await delay(500)
    }
  }

  const untilReady = (what: string, limitMs?: number): Promise<void> =>
    until(`Ready is ${what}`, async () => (await readiness()).startsWith(what), limitMs)

  /** For the message of a failure: what a person would look at. */
  async function situation(): Promise<string> {
    const looks = [
      ['get', 'pods,syncjobs,jobs', '-A', '-o', 'wide'],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
      ['logs', '-n', namespace, '-l', 'app.kubernetes.io/component=worker', '--tail=20'],
      ['logs', '-n', namespace, '-l', 'app.kubernetes.io/component=teardown', '--tail=20'],
      ['logs', '-n', 'sluice-system', '-l', 'app.kubernetes.io/component=operator', '--tail=20'],
    ]
    const seen = await Promise.all(looks.map(args => cluster.kubectl(...args).catch(String)))
    return seen.join('\n')
  }

  const slots = async (): Promise<number> =>
    Number(
      (await client.query<{ count: string }>('select count(*) from pg_replication_slots')).rows[0]?.count,
    )
  const publications = async (): Promise<number> =>
    Number((await client.query<{ count: string }>('select count(*) from pg_publication')).rows[0]?.count)

  async function untilInStep(): Promise<void> {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await until('everything written is in the lake', async () => {
      const confirmed = await client.query<{ done: boolean | null }>(
        'select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary',
        [rows[0]?.lsn],
      )
      return confirmed.rows[0]?.done === true
    })
  }

  /** `names`: tables of the source, and what they are called in the lake. */
  async function expectSameRows(
    names: Record<string, string> = { accounts: 'accounts', postings: 'postings' },
  ): Promise<void> {
    const { endpoint, accessKey, secretKey, region } = minio
    for (const [table, copy] of Object.entries(names)) {
      const options = {
        columns: Object.keys(bankTables[table] ?? {}),
        s3: { endpoint, accessKey, secretKey, region },
      }
      const source = await hashOfSource(client, table)
      expect(source.count, `rows of ${table}`).to.be.greaterThan(1000)
      expect(await readers.hashRs(`s3://lake/ods/${copy}`, options), copy).to.deep.include(source)
    }
  }

  const secrets = (): string => `
apiVersion: v1
kind: Secret
metadata: {name: bank}
stringData: {user: ${server.user}, password: ${server.password}}
---
apiVersion: v1
kind: Secret
metadata: {name: lake}
stringData: {id: ${minio.accessKey}, secret: ${minio.secretKey}}
`

  const dataSources = (): string => `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: bank}
spec:
  type: postgres
  postgres:
    host: ${cluster.nodeIp}
    port: ${server.port}
    database: ${server.database}
    user: {secretKeyRef: {name: bank, key: user}}
    password: {secretKeyRef: {name: bank, key: password}}
    tls: {mode: disable}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec:
  type: hudi
  hudi:
    url: s3://lake/ods
    s3:
      endpoint: ${minio.endpoint}
      region: ${minio.region}
      pathStyle: true
      accessKeyId: {secretKeyRef: {name: lake, key: id}}
      secretAccessKey: {secretKeyRef: {name: lake, key: secret}}
`

  const syncJob = (more = ''): string => `
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: bank-to-lake}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: [{include: "public.*"}]
  freshness: 1s
${more}`

  it('is installed by the chart, with an operator that leads and one that stands by', async () => {
    const { repository, tag } = sluiceImage
    const args = [
      'install',
      'sluice',
      chart,
      '-n',
      'sluice-system',
      '--create-namespace',
      '--wait',
      '--timeout=120s',
    ]
    const image = ['--set', `image.repository=${repository}`, '--set', `image.tag=${tag}`]
    await promisify(execFile)('helm', [...args, ...image], { env: { ...process.env, ...cluster.env } }).catch(
      async (error: unknown) => {
        throw new Error(`helm install failed\n${await situation()}`, { cause: error })
      },
    )
    const pods = await cluster.kubectl('get', 'pods', '-n', 'sluice-system', '--no-headers')
    expect(pods.match(/1\/1 +Running/g)).to.have.length(2)
  })

  it('is refused with a readable message when it is wrong', async () => {
    await cluster.kubectl('create', 'namespace', namespace)
    await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted')
    const refusal = async (yaml: string): Promise<string> =>
      apply(yaml).then(
        () => 'taken',
        (error: { stderr?: string }) => String(error.stderr),
      )
    expect(await refusal(syncJob('  freshnes: 3s'))).to.contain('unknown field "spec.freshnes"')
    expect(await refusal(syncJob('  mode: sometimes'))).to.contain('supported values')
    const twoSubObjects = dataSources().replace('  type: postgres', '  type: hudi')
    expect(await refusal(twoSubObjects)).to.contain('give the sub-object that type names')
  })

  it('says which Secret is missing, and goes on by itself when it is there', async () => {
    await apply(`${dataSources()}---${syncJob()}`)
    await untilReady('False SECRET_MISSING')
    expect(await readiness()).to.match(/Secret (bank|lake) has no key/)
    await apply(secrets())
    await untilReady('True Streaming', 180_000)
  })

  it('keeps the tables in step while the database is busy and the worker is killed', async () => {
    const busy = new AbortController()
    const traffic = keepBusy(server, busy.signal)
    for (let kill = 0; kill < 3; kill++) {
      await delay(4000)
      await killWorker()
      await until('another worker', async () => (await workerRestarts()) > kill)
    }
    await untilReady('True Streaming')
    busy.abort()
    expect(await traffic, 'transactions').to.be.greaterThan(500)
    await untilInStep()
    await expectSameRows()
  })

  it('shows how it does', async () => {
    await until(
      'few lag',
      async () => (await get<{ status: SyncJobStatus }>('syncjob', 'bank-to-lake')).status.lag === '0s',
    )
    const [head, row] = (await cluster.kubectl('get', 'syncjobs', '-n', namespace)).trim().split('\n')
    expect(head?.split(/ {2,}/)).to.deep.equal(['NAME', 'READY', 'LAG', 'REPLICAS', 'REASON', 'AGE'])
    expect(row?.split(/ {2,}/).slice(0, 5)).to.deep.equal(['bank-to-lake', 'True', '0s', '1', 'Streaming'])
    const { status } = await get<{ status: SyncJobStatus }>('syncjob', 'bank-to-lake')
    expect(status.tables).to.equal(2)
    expect(await cluster.kubectl('describe', 'syncjob', 'bank-to-lake', '-n', namespace)).to.contain(
      'SECRET_MISSING',
    )
  })

  it('takes over a changed spec without losing a row', async () => {
    await apply(syncJob('  worker: {lanes: 1}'))
    const busy = new AbortController()
    const traffic = keepBusy(server, busy.signal, 5_000_000)
    await until('one plan', async () => {
      const { items } = await get<{ items: unknown[] }>('configmaps', '-l', 'sluice.dev/job=bank-to-lake')
      return items.length === 1
    })
    await untilReady('True Streaming')
    busy.abort()
    await traffic
    await untilInStep()
    await expectSameRows()
  })

  it('ends a copy when everything is copied, and keeps no worker for it', async () => {
    await apply(`
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: copy}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: [{include: public.accounts, target: {table: copied}}]
  mode: snapshot
`)
    const look = async (): Promise<SyncJobStatus | undefined> =>
      (await get<{ status?: SyncJobStatus }>('syncjob', 'copy')).status
    await until('it is complete', async () => {
      const complete = (await look())?.conditions?.find(({ type }) => type === 'Complete')
      return complete?.status === 'True'
    })
    await until('no worker', async () => (await look())?.replicas === 0)
    await expectSameRows({ accounts: 'copied' })
    await cluster.kubectl('delete', 'syncjob', 'copy', '-n', namespace, '--timeout=120s')
  })

  it('survives the death of the operator that leads', async () => {
    const lease = await cluster.kubectl(
      'get',
      'lease',
      'sluice-operator',
      '-n',
      'sluice-system',
      '-o',
      'jsonpath={.spec.holderIdentity}',
    )
    await cluster.kubectl(
      'delete',
      'pod',
      '-n',
      'sluice-system',
      lease.split('_')[0] ?? '',
      '--grace-period=0',
      '--force',
    )
    await apply(syncJob('  suspend: true'))
    await untilReady('False Suspended')
    await apply(syncJob('  suspend: false'))
    await untilReady('True Streaming')
  })

  it('leaves the tables and nothing else when it is deleted', async () => {
    expect([await slots(), await publications()]).to.deep.equal([1, 1])
    await cluster.kubectl('delete', 'syncjob', 'bank-to-lake', '-n', namespace, '--timeout=120s')
    await until('no worker', async () => (await get<{ items: unknown[] }>('deployments')).items.length === 0)
    expect([await slots(), await publications()], 'slots and publications').to.deep.equal([0, 0])
    await expectSameRows()
    const events = await cluster.kubectl('get', 'events', '-n', namespace)
    expect(events).to.contain('TornDown')
  })

  async function workerPods(): Promise<WorkerPod[]> {
    return (await get<{ items: WorkerPod[] }>('pods', '-l', 'app.kubernetes.io/component=worker')).items
  }

  async function workerRestarts(): Promise<number> {
    const counts = (await workerPods()).flatMap(({ status }) => status.containerStatuses ?? [])
    return Math.max(0, ...counts.filter(({ ready }) => ready).map(({ restartCount }) => restartCount))
  }

  /** SIGKILL to the worker's process, from outside its container. */
  async function killWorker(): Promise<void> {
    const [pod] = await workerPods()
    const id = pod?.status.containerStatuses?.[0]?.containerID?.replace('containerd://', '')
    if (id === undefined) throw new Error(`no worker to kill\n${await situation()}`)
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name)))
      if (cgroupOf(pid).includes(id)) process.kill(Number(pid), 'SIGKILL')
  }
})

interface WorkerPod {
  status: { containerStatuses?: { containerID?: string; restartCount: number; ready: boolean }[] }
}

function cgroupOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    // It has ended since it was listed.
    return ''
  }
}

async function keepBusy(server: PostgresServer, signal: AbortSignal, nextId = 1_000_000): Promise<number> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const random = new Random(nextId)
  const from = { nextId }
  let transactions = 0
  for (; !signal.aborted; transactions++) {
    await moveMoney(client, random, from)
    if (transactions % 10 === 0) await delay(20)
  }
  await client.end()
  return transactions
}
