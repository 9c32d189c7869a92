// An operator that runs against a stand-in API server, and the hands of those that it works with: people who edit, a
// kubelet that starts pods, a worker that answers.
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Operator } from '#operator/operator.ts'
import type { Deployment } from '#operator/resources.ts'
import type { WorkerImage } from '#operator/sync-job/worker-pod.ts'
import { FakeApiServer } from './fake-api-server.ts'
import type { Json } from './fake-api-store.ts'
import { eventually } from './manual-clock.ts'
import { collections } from './sync-job/fixtures.ts'

export const at = ['shop', 'shop-to-lake'] as const
export const workerAt = ['shop', 'shop-to-lake-worker'] as const

/** Waits take a twentieth of their time; the resync, which would hide a lost event, still never comes. */
const speed = 20
const hastyClock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * speed,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / speed, signal),
}

/** Call inside a describe(): each test has an operator of its own, which begins with start(). */
// oxlint-disable-next-line max-lines-per-function -- what a test calls shares the state of that test
export function operatorBed() {
  let server: FakeApiServer
  let client: KubeClient
  let stop: AbortController
  let running: Promise<void>
  let worker: WorkerStatus | Error

  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new KubeClient(server.endpoint)
    worker = {
      job: { namespace: 'shop', name: 'shop-to-lake' },
      phase: 'streaming',
      tables: [],
      lagMs: 0,
      rowsTotal: 10,
      error: null,
      updatedAt: '2026-01-01T00:00:00Z',
    }
  })

  afterEach(async () => {
    stop.abort()
    await running
    client.close()
    await server.stop()
  })

  function start({
    masterUrl = null,
    networkPolicy = null,
    ...options
  }: {
    teardownDeadlineMs?: number
    checksMax?: number
    masterUrl?: string | null
    networkPolicy?: WorkerImage['networkPolicy']
  } = {}): void {
    stop = new AbortController()
    const operator = new Operator({
      client,
      instance: 'test',
      worker: {
        image: 'sluice:1',
        imagePullPolicy: 'IfNotPresent',
        imagePullSecrets: [],
        masterUrl,
        networkPolicy,
      },
      askWorker: async () => {
        if (worker instanceof Error) throw worker
        return worker
      },
      clock: hastyClock,
      logger: silentLogger,
      metrics: createOperatorMetrics(),
      pollIntervalMs: 800,
      ...options,
    })
    running = operator.run(stop.signal)
  }

  const create = (...objects: KubeObject[]): void => {
    for (const object of objects)
      server.store.create(`/apis/${object.apiVersion}/${object.kind.toLowerCase()}s`, object)
  }

  const job = (): KubeObject & { status?: SyncJobStatus } => server.store.get(collections.syncJobs, ...at)
  const deployment = (): Deployment | undefined =>
    server.store.find(collections.deployments, ...workerAt) as Deployment | undefined
  /** A condition of the job: `True Streaming`. */
  const condition = (type: string): string | undefined => {
    const live = server.store.find(collections.syncJobs, ...at) as ReturnType<typeof job> | undefined
    const found = live?.status?.conditions?.find(each => each.type === type)
    return found && `${found.status} ${found.reason}`
  }
  const ready = (): string | undefined => condition('Ready')

  const edit = (collection: string, name: string, spec: Json): void => {
    const live = server.store.get(collection, 'shop', name) as KubeObject & { spec: Json }
    server.store.update(collection, { ...live, spec: { ...live.spec, ...spec } } as KubeObject)
  }

  /** What the Deployment controller and a kubelet would do. */
  const startPod = (status: Json = {}): void => {
    const made = deployment()
    const { spec } = made?.spec.template ?? {}
    const counts = { observedGeneration: made?.metadata.generation, replicas: 1, updatedReplicas: 1 }
    server.store.update(collections.deployments, { ...made, status: counts } as KubeObject, 'status')
    server.store.create(collections.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pod-1', namespace: 'shop', labels: deployment()?.metadata.labels },
      spec,
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ restartCount: 0, state: { running: {} } }],
        ...status,
      },
    } as KubeObject)
  }

  const isReady = async (what: string): Promise<void> => eventually(`Ready: ${what}`, () => ready() === what)

  return {
    start,
    create,
    job,
    deployment,
    condition,
    ready,
    edit,
    startPod,
    isReady,
    get server(): FakeApiServer {
      return server
    },
    get worker(): WorkerStatus | Error {
      return worker
    },
    /** What the worker says when it is asked, or the failure to ask it. */
    set worker(next: WorkerStatus | Error) {
      worker = next
    },
  }
}
