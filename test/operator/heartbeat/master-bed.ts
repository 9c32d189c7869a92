// A master over an API server stand-in: jobs that read one source, a pod for each, and tokens that are the pods' names.
import { silentLogger } from '#common/logger.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import type { Heartbeat } from '#api/heartbeat.ts'
import { startHeartbeatServer } from '#operator/heartbeat/heartbeat-server.ts'
import type { PodIdentity } from '#operator/heartbeat/token-review.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Operator } from '#operator/operator.ts'
import { jobLabel, labelsOf, workerName } from '#operator/sync-job/names.ts'
import { FakeApiServer } from '../fake-api-server.ts'
import type { Json } from '../fake-api-store.ts'
import { eventually } from '../manual-clock.ts'
import { collections, lake, shopDb, shopToLake } from '../sync-job/fixtures.ts'

export class MasterBed {
  readonly server: FakeApiServer
  readonly #client: KubeClient
  #running: { operator: Operator; stop: () => Promise<void>; port: number } | null = null

  readonly #clock: Clock
  /** Of the operator that runs now. */
  metrics = createOperatorMetrics()
  /** The pod that was last told to plan. */
  planner: string | null = null
  readonly #uids = new Map<string, string>()

  private constructor(server: FakeApiServer, clock: Clock) {
    this.server = server
    this.#clock = clock
    this.#client = new KubeClient(server.endpoint)
  }

  /** `limits` as in a DataSource; priorities of the jobs `job-0`, `job-1` … by their place. */
  static async create(
    limits: Json,
    priorities: readonly string[],
    clock: Clock = systemClock,
  ): Promise<MasterBed> {
    const bed = new MasterBed(await FakeApiServer.start(), clock)
    const source = shopDb()
    bed.#add(collections.dataSources, {
      ...source,
      spec: { ...source.spec, protection: { limits } },
    } as KubeObject)
    bed.#add(collections.dataSources, lake())
    for (const [index, priority] of priorities.entries()) {
      const job = shopToLake({ priority })
      bed.#add(collections.syncJobs, { ...job, metadata: { name: `job-${index}`, namespace: 'shop' } })
      bed.startPod(`job-${index}`)
    }
    return bed
  }

  /** A pod of a job, which runs; `shared`: it is one of several. */
  startPod(
    job: string,
    { name = `${job}-pod`, shared = false, plan }: { name?: string; shared?: boolean; plan?: string } = {},
  ): void {
    const volumes = plan === undefined ? [] : [{ name: 'plan', configMap: { name: plan } }]
    const made = this.#add(collections.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop', labels: labelsOf(job, 'worker') },
      spec: { containers: [{ name: 'worker', args: shared ? ['worker', '--shared'] : ['worker'] }], volumes },
      status: { podIP: '10.0.0.1', containerStatuses: [{ restartCount: 0, state: { running: {} } }] },
    } as KubeObject)
    this.#uids.set(name, made.metadata.uid!)
  }

  /** Deletes a pod by force. */
  removePod(name: string): void {
    this.server.store.delete(collections.pods, 'shop', name)
  }

  /** Whose pod a token, which is its name, is of. */
  identityOf(token: string): PodIdentity | null {
    const pod = this.server.store.find(collections.pods, 'shop', token)
    if (pod === undefined) return null
    const serviceAccount = workerName(pod.metadata.labels?.[jobLabel] ?? '')
    return { namespace: 'shop', serviceAccount, pod: token, podUid: pod.metadata.uid! }
  }

  /** Whether the master has heard of the pod. */
  knows(pod: string): boolean {
    const nobody = { namespace: 'shop', serviceAccount: '', pod, podUid: this.#uids.get(pod) ?? '' }
    const answer = this.operator.answer(nobody, { worker: pod, job: {} } as Heartbeat)
    return typeof answer === 'string' && !answer.endsWith('is no worker that is known here.')
  }

  get port(): number {
    return this.#running!.port
  }

  get operator(): Operator {
    return this.#running!.operator
  }

  /** A master of this term, once it has read the cluster. */
  async start(term: number, port = 0): Promise<void> {
    const stopped = new AbortController()
    this.metrics = createOperatorMetrics()
    const operator = new Operator({
      client: this.#client,
      instance: `test-${term}`,
      worker: {
        image: 'sluice:1',
        imagePullPolicy: 'IfNotPresent',
        imagePullSecrets: [],
        masterUrl: 'http://master.test:9465',
      },
      askWorker: () => Promise.reject(new Error('not asked here')),
      clock: this.#clock,
      logger: silentLogger,
      metrics: this.metrics,
      term: () => term,
    })
    const running = operator.run(stopped.signal)
    const heartbeats = await startHeartbeatServer({
      host: '127.0.0.1',
      port,
      identify: token => Promise.resolve(this.identityOf(token)),
      answer: (sender, heartbeat) => {
        const answer = operator.answer(sender, heartbeat)
        if (answer !== null && typeof answer !== 'string' && answer.plans) this.planner = sender.pod
        return answer
      },
      logger: silentLogger,
      onAnswer: () => undefined,
    })
    const stop = async (): Promise<void> => {
      await heartbeats.close()
      stopped.abort()
      await running
    }
    this.#running = { operator, stop, port: heartbeats.port }
    await eventually('a master that has read the cluster', () => operator.hasSynced)
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = null
  }

  async close(): Promise<void> {
    await this.stop()
    this.#client.close()
    await this.server.stop()
  }

  #add(collection: string, object: KubeObject): KubeObject {
    return this.server.store.create(collection, object)
  }
}
