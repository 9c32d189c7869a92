// What the end-to-end tests share: a cluster with a real node and the chart on it, a PostgreSQL database with money that
// moves, a lake on an S3 server of this machine, and a job `bank-to-lake` between them. Operator and workers run as pods
// of our own image.
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
import { monitoringCrds } from '#test/bed/cache.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startMinio } from '#test/bed/minio.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { bankTables, hashOfSource, moveMoney, openBank } from '#test/integration/sync/bank.ts'
import { Random } from '#test/integration/sync/random.ts'
import { buildSluiceImage, sluiceImage } from './sluice-image.ts'

const chart = fileURLToPath(new URL('../../helm/sluice', import.meta.url))
const namespace = 'bank'
const job = 'bank-to-lake'
/** The database's user that the job connects as; the tests' own is another one. */
const reader = 'reader'

export class BankCluster {
  readonly work = join(tmpdir(), `sluice-e2e-${process.pid}`)
  cluster!: BedKubernetes
  server!: PostgresServer
  minio!: BedMinio
  client!: Client
  #readers!: HudiReaders

  async start(): Promise<void> {
    this.cluster = await startKubernetes({ node: true, dns: true })
    await this.loadImage(sluiceImage.tag)
    this.server = await startPostgres({ host: this.cluster.nodeIp })
    this.minio = await startMinio({ host: this.cluster.nodeIp })
    await this.minio.createBucket('lake')
    this.#readers = await HudiReaders.start()
    await this.connect()
    await openBank(this.client)
    await this.client.query(`create role ${reader} superuser login password 'first'`)
  }

  async stop(): Promise<void> {
    await this.client?.end().catch(() => undefined)
    await this.#readers?.stop()
    await this.cluster?.stop()
    await this.server?.stop()
    await this.minio?.stop()
    await rm(`${this.work}.yaml`, { force: true })
  }

  /** A connection of the tests' own, also after the server was away. */
  async connect(): Promise<void> {
    this.client = new Client({ connectionString: this.server.url })
    // The server may be killed while it is idle.
    this.client.on('error', () => undefined)
    await this.client.connect()
  }

  async loadImage(tag: string): Promise<void> {
    const archive = `${this.work}.tar`
    await buildSluiceImage(archive, tag)
    await this.cluster.importImage(archive)
    await rm(archive)
  }

  /** Installs the chart, or upgrades it to this image. */
  async install(tag = sluiceImage.tag): Promise<void> {
    const to = ['upgrade', '--install', 'sluice', chart, '-n', 'sluice-system', '--create-namespace']
    await this.kubectl('apply', '--server-side', ...monitoringCrds.flatMap(path => ['-f', path]))
    const values = [
      `image.repository=${sluiceImage.repository}`,
      `image.tag=${tag}`,
      'monitoring.enabled=true',
    ]
    const env = { ...process.env, ...this.cluster.env }
    await promisify(execFile)('helm', [...to, '--wait', '--timeout=120s', '--set', values.join(',')], {
      env,
    }).catch(async (error: unknown) => {
      throw new Error(`helm upgrade --install failed\n${await this.#situation()}`, { cause: error })
    })
  }

  async createNamespace(): Promise<void> {
    await this.kubectl('create', 'namespace', namespace)
    await this.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted')
  }

  kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectl(...args)
  }

  async apply(yaml: string): Promise<string> {
    await writeFile(`${this.work}.yaml`, yaml)
    return this.kubectl('apply', '-n', namespace, '-f', `${this.work}.yaml`)
  }

  async get<T>(...what: string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', '-n', namespace, ...what, '-o', 'json')) as T
  }

  /** A condition of the job in words: `True Streaming: …`; `unknown` until it is told of the spec that is there now. */
  async condition(type: string): Promise<string> {
    const { status, metadata } = await this.get<{
      status?: SyncJobStatus
      metadata: { generation: number }
    }>('syncjob', job)
    const found = status?.conditions?.find(condition => condition.type === type)
    if (found?.observedGeneration !== metadata.generation) return 'unknown'
    return `${found.status} ${found.reason}: ${found.message}`
  }

  async until(what: string, holds: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
    const end = Date.now() + limitMs
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`never happened: ${what}\n${await this.#situation()}`)
      await delay(500)
    }
  }

  untilReady(what: string, limitMs?: number): Promise<void> {
    return this.untilCondition('Ready', what, limitMs)
  }

  untilCondition(type: string, what: string, limitMs?: number): Promise<void> {
    const holds = async (): Promise<boolean> => (await this.condition(type)).startsWith(what)
    return this.until(`${type} is ${what}`, holds, limitMs)
  }

  /** For the message of a failure: what a person would look at. */
  async #situation(): Promise<string> {
    const looks = [
      ['get', 'pods,syncjobs,jobs', '-A', '-o', 'wide'],
      ['get', 'syncjobs', '-n', namespace, '-o', 'yaml'],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
      ['logs', '-n', namespace, '-l', 'app.kubernetes.io/component=worker', '--tail=20'],
      ['logs', '-n', namespace, '-l', 'app.kubernetes.io/component=check', '--tail=20'],
      ['logs', '-n', namespace, '-l', 'app.kubernetes.io/component=teardown', '--tail=20'],
      ['logs', '-n', 'sluice-system', '-l', 'app.kubernetes.io/component=operator', '--tail=20'],
    ]
    const seen = await Promise.all(looks.map(args => this.kubectl(...args).catch(String)))
    return seen.join('\n')
  }

  /** Slots and publications at the source. */
  async madeAtSource(): Promise<number[]> {
    const { rows } = await this.client.query<{ slots: string; publications: string }>(
      'select (select count(*) from pg_replication_slots) slots, (select count(*) from pg_publication) publications',
    )
    return [Number(rows[0]?.slots), Number(rows[0]?.publications)]
  }

  async untilInStep(): Promise<void> {
    const { rows } = await this.client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await this.until('everything written is in the lake', async () => {
      const confirmed = await this.client.query<{ done: boolean | null }>(
        'select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary',
        [rows[0]?.lsn],
      )
      return confirmed.rows[0]?.done === true
    })
  }

  /** `names`: tables of the source, and what they are called in the lake. */
  async expectSameRows(
    names: Record<string, string> = { accounts: 'accounts', postings: 'postings' },
  ): Promise<void> {
    const { endpoint, accessKey, secretKey, region } = this.minio
    for (const [table, copy] of Object.entries(names)) {
      const options = {
        columns: Object.keys(bankTables[table] ?? {}),
        s3: { endpoint, accessKey, secretKey, region },
      }
      const source = await hashOfSource(this.client, table)
      expect(source.count, `rows of ${table}`).to.be.greaterThan(1000)
      expect(await this.#readers.hashRs(`s3://lake/ods/${copy}`, options), copy).to.deep.include(source)
    }
  }

  async workerPods(): Promise<WorkerPod[]> {
    return (await this.get<{ items: WorkerPod[] }>('pods', '-l', 'app.kubernetes.io/component=worker')).items
  }

  async workerRestarts(): Promise<number> {
    const counts = (await this.workerPods()).flatMap(({ status }) => status.containerStatuses ?? [])
    return Math.max(0, ...counts.filter(({ ready }) => ready).map(({ restartCount }) => restartCount))
  }

  /** Id of the container with the worker. */
  async workerProcess(): Promise<string> {
    const [pod] = await this.workerPods()
    const id = pod?.status.containerStatuses?.[0]?.containerID?.replace('containerd://', '')
    if (id === undefined) throw new Error(`no worker to kill\n${await this.#situation()}`)
    return id
  }

  /** SIGKILL to what runs in a container, from outside of it. */
  kill(container: string): void {
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name)))
      if (cgroupOf(pid).includes(container)) process.kill(Number(pid), 'SIGKILL')
  }

  async killWorker(): Promise<void> {
    this.kill(await this.workerProcess())
  }

  /** The operator's pod that leads. */
  async leader(): Promise<string> {
    const path = 'jsonpath={.spec.holderIdentity}'
    const holder = await this.kubectl('get', 'lease', 'sluice-operator', '-n', 'sluice-system', '-o', path)
    return holder.split('_')[0] ?? ''
  }

  secrets(password = 'first'): string {
    return `
apiVersion: v1
kind: Secret
metadata: {name: bank}
stringData: {user: ${reader}, password: ${password}}
---
apiVersion: v1
kind: Secret
metadata: {name: lake}
stringData: {id: ${this.minio.accessKey}, secret: ${this.minio.secretKey}}
`
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
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec:
  type: hudi
  hudi:
    url: s3://lake/ods
    s3:
      endpoint: ${this.minio.endpoint}
      region: ${this.minio.region}
      pathStyle: true
      accessKeyId: {secretKeyRef: {name: lake, key: id}}
      secretAccessKey: {secretKeyRef: {name: lake, key: secret}}
`
  }

  syncJob(more = '', tables = '[{include: "public.*"}]'): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${job}}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: ${tables}
  freshness: 1s
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

export interface WorkerPod {
  metadata: { name: string }
  spec: { containers: { image: string }[] }
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
