// What the end-to-end tests share: a cluster with a real node and the chart on it, a lake on an S3 server of this machine,
// and one SyncJob that is looked at. Operator and workers run as pods of our own image.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { monitoringCrds } from '#test/bed/cache.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { joinKubernetes } from '#test/bed/kubernetes.ts'
import { takeLock } from '#test/bed/lock.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startMinio } from '#test/bed/minio.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { sharedClusterVariable, startSluiceCluster } from './shared-cluster.ts'
import { sluiceImage } from './sluice-image.ts'

const helmLock = join(tmpdir(), 'sluice-e2e-helm.lock')
const chart = fileURLToPath(new URL('../../helm/sluice', import.meta.url))

/** Of workers: those of the files that run beside each other have to fit on a node of two cores. */
export const modestResources = '{requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 1Gi}}'

export class SluiceCluster {
  /** Begins the names of temporary files. */
  readonly work = join(tmpdir(), `sluice-e2e-${process.pid}`)
  readonly namespace: string
  readonly job: string
  cluster!: BedKubernetes
  minio!: BedMinio
  readers!: HudiReaders

  constructor(namespace: string, job: string) {
    this.namespace = namespace
    this.job = job
  }

  async start(): Promise<void> {
    const shared = process.env[sharedClusterVariable]
    this.cluster = shared === undefined ? await startSluiceCluster() : joinKubernetes(shared)
    this.minio = await startMinio({ host: this.cluster.nodeIp })
    await this.minio.createBucket('lake')
    this.readers = await HudiReaders.start()
  }

  async stop(): Promise<void> {
    await this.readers?.stop()
    if (process.env[sharedClusterVariable] !== undefined) await this.#leave()
    await this.cluster?.stop()
    await this.minio?.stop()
    await rm(`${this.work}.yaml`, { force: true })
  }

  /** For those that use the cluster next: nothing of ours runs, and no operator looks for it. */
  async #leave(): Promise<void> {
    await this.kubectl('delete', 'syncjobs', '--all', '-n', this.namespace, '--timeout=120s')
    await this.kubectl('delete', 'namespace', this.namespace, '--ignore-not-found', '--wait=false')
  }

  /** Installs the chart, or upgrades it to this image: with its own rights and all of its network policies. */
  async install(tag = sluiceImage.tag): Promise<void> {
    const to = ['upgrade', '--install', 'sluice', chart, '-n', 'sluice-system', '--create-namespace']
    await this.kubectl('apply', '--server-side', ...monitoringCrds.flatMap(path => ['-f', path]))
    const values = [
      `image.repository=${sluiceImage.repository}`,
      `image.tag=${tag}`,
      'monitoring.enabled=true',
      'networkPolicy.enabled=true',
      'networkPolicy.jobs.enabled=true',
      `networkPolicy.apiServer.ports={${new URL(await this.apiServer()).port}}`,
    ]
    const set = values.flatMap(value => ['--set', value])
    const env = { ...process.env, ...this.cluster.env }
    // Helm refuses a second one at the same time.
    const giveBack = await takeLock(helmLock, 180_000)
    await promisify(execFile)('helm', [...to, '--wait', '--timeout=120s', ...set], { env })
      .catch(async (error: unknown) => {
        throw new Error(`helm upgrade --install failed\n${await this.#situation()}`, { cause: error })
      })
      .finally(giveBack)
  }

  /** Its URL: policies count this address, and not that of the Service before it. */
  apiServer(): Promise<string> {
    return this.kubectl('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}')
  }

  async createNamespace(): Promise<void> {
    await this.kubectl('create', 'namespace', this.namespace)
    await this.kubectl('label', 'namespace', this.namespace, 'pod-security.kubernetes.io/enforce=restricted')
  }

  kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectl(...args)
  }

  async apply(yaml: string): Promise<string> {
    await writeFile(`${this.work}.yaml`, yaml)
    return this.kubectl('apply', '-n', this.namespace, '-f', `${this.work}.yaml`)
  }

  async get<T>(...what: string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', '-n', this.namespace, ...what, '-o', 'json')) as T
  }

  /** A condition of the job in words: `True Streaming: …`; `unknown` until it is told of the spec that is there now. */
  async condition(type: string): Promise<string> {
    const { status, metadata } = await this.get<{
      status?: SyncJobStatus
      metadata: { generation: number }
    }>('syncjob', this.job)
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

  /** For the message of a failure: what a person would look at, short enough to be read whole. */
  async #situation(): Promise<string> {
    const ours = ['-n', this.namespace]
    const logs = (component: string, from: string[]): string[] => [
      'logs',
      ...from,
      '-l',
      `app.kubernetes.io/component=${component}`,
      '--tail=12',
      '--prefix',
    ]
    const looks = [
      ['get', 'syncjobs', ...ours, '-o', 'jsonpath={range .items[*]}{.metadata.name} {.status}{"\n"}{end}'],
      ['get', 'pods,jobs', '-A', '-o', 'wide', '--no-headers'],
      ['get', 'endpointslices', '-n', 'sluice-system', '--no-headers'],
      logs('worker', ours),
      logs('check', ours),
      logs('teardown', ours),
      logs('operator', ['-n', 'sluice-system']),
      ['get', 'events', ...ours, '--sort-by=.lastTimestamp', '--no-headers'],
    ]
    const seen = await Promise.all(looks.map(args => this.kubectl(...args).catch(String)))
    return seen.map(text => lastLines(text, 30)).join('\n')
  }

  /** Of the job; without those that are about to end. */
  async workerPods(): Promise<WorkerPod[]> {
    const labels = `app.kubernetes.io/component=worker,sluice.dev/job=${this.job}`
    const { items } = await this.get<{ items: WorkerPod[] }>('pods', '-l', labels)
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
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

  /** The table of the lake holds just these rows, by hudi-rs. */
  async expectRows(table: string, columns: readonly string[], source: RowSetHash): Promise<void> {
    const { endpoint, accessKey, secretKey, region } = this.minio
    const options = { columns: [...columns], s3: { endpoint, accessKey, secretKey, region } }
    expect(await this.readers.hashRs(`s3://lake/ods/${table}`, options), table).to.deep.include(source)
  }

  /** Waits until it does. @throws when it never does, with what differs */
  async untilRows(
    table: string,
    columns: readonly string[],
    source: RowSetHash,
    limitMs = 60_000,
  ): Promise<void> {
    for (const end = Date.now() + limitMs; ; await delay(1000)) {
      const same = this.expectRows(table, columns, source)
      if (Date.now() > end) return same
      if (await same.then(() => true).catch(() => false)) return
    }
  }

  lakeSecret(): string {
    return `---
apiVersion: v1
kind: Secret
metadata: {name: lake}
stringData: {id: ${this.minio.accessKey}, secret: ${this.minio.secretKey}}
`
  }

  lakeSource(): string {
    return `---
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
}

export interface WorkerPod {
  metadata: { name: string; deletionTimestamp?: string }
  spec: { containers: { image: string }[] }
  status: {
    podIP?: string
    containerStatuses?: { containerID?: string; restartCount: number; ready: boolean }[]
  }
}

function cgroupOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    // It has ended since it was listed.
    return ''
  }
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
