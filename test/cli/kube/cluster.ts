// A stand-in cluster with a job, and a session of `kubectl sluice` on it that keeps what it prints.
import type { ServerResponse } from 'node:http'
import type { Open, Session } from '#cli/kube/session.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { labelsOf, workerName } from '#operator/sync-job/names.ts'
import { FakeApiServer } from '#test/operator/fake-api-server.ts'
import type { Json } from '#test/operator/fake-api-store.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { collections, lake, shopDb, shopToLake } from '#test/operator/sync-job/fixtures.ts'

export interface Spoken {
  out: string
  err: string
}

export class KubeTestBed {
  readonly server: FakeApiServer
  readonly client: KubeClient
  readonly clock = new ManualClock()
  readonly stop = new AbortController()
  readonly spoken: Spoken = { out: '', err: '' }

  private constructor(server: FakeApiServer) {
    this.server = server
    this.client = new KubeClient(server.endpoint, undefined, 'kubectl-sluice/test')
  }

  static async start(): Promise<KubeTestBed> {
    return new KubeTestBed(await FakeApiServer.start())
  }

  async close(): Promise<void> {
    this.stop.abort()
    this.client.close()
    await this.server.stop()
  }

  readonly open: Open = async ({ namespace }) => this.session(namespace)

  session(namespace: string = 'shop'): Session {
    return {
      client: this.client,
      namespace,
      clock: this.clock,
      signal: this.stop.signal,
      write: async text => void (this.spoken.out += text),
      warn: text => void (this.spoken.err += text),
    }
  }

  put(collection: keyof typeof collections, object: KubeObject): KubeObject {
    return this.server.store.create(collections[collection], object)
  }

  /** The job of the fixtures with its DataSources; the status as the operator would write it. */
  putJob(status: Json = {}, spec: Json = {}, name: string = 'shop-to-lake'): void {
    const job = shopToLake(spec)
    const { store } = this.server
    if (store.find(collections.dataSources, 'shop', 'lake') === undefined) {
      this.put('dataSources', shopDb())
      this.put('dataSources', lake())
    }
    const made = this.put('syncJobs', { ...job, metadata: { ...job.metadata, name } })
    const { uid } = made.metadata
    store.apply(
      collections.syncJobs,
      {
        ...job,
        metadata: { name, namespace: 'shop', uid },
        status: { observedGeneration: 1, ...status },
      } as KubeObject,
      'sluice-status',
      'status',
    )
  }

  putDeployment(changes: Json = {}, name: string = 'shop-to-lake'): void {
    this.put('deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: workerName(name), namespace: 'shop', labels: labelsOf(name, 'worker') },
      spec: {
        replicas: 1,
        template: { spec: { containers: [{ resources: { limits: { cpu: '2', memory: '1Gi' } } }] } },
      },
      ...changes,
    } as KubeObject)
  }

  putPod(name: string, status: Json = runningPod, job: string = 'shop-to-lake'): void {
    this.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop', labels: labelsOf(job, 'worker') },
      spec: { nodeName: 'node-1', containers: [{ name: 'worker', image: 'sluice:1' }] },
      status,
    } as KubeObject)
  }

  putEvent(about: { kind: string; name: string }, content: Json): void {
    const name = `${about.name}.${this.server.store.version}`
    this.server.store.create('/api/v1/events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'shop' },
      involvedObject: { ...about, namespace: 'shop' },
      type: 'Normal',
      ...content,
    } as KubeObject)
  }

  /** What a pod answers through the API server's proxy, or its log. */
  answer(path: string, body: unknown, status: number = 200): void {
    this.server.others.set(path, (response: ServerResponse) => {
      response.writeHead(status)
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  }
}

export const runningPod: Json = {
  phase: 'Running',
  podIP: '10.0.0.1',
  conditions: [{ type: 'Ready', status: 'True' }],
  containerStatuses: [{ restartCount: 0, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }],
}

export const condition = (type: string, status: string, reason: string, message: string): Json => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:10:00Z',
})

export const podPath = (name: string): string => `/api/v1/namespaces/shop/pods/${name}`
/** As the client writes the path of what is proxied to a worker. */
export const statusPath = (name: string): string => `${podPath(name)}%3A9464/proxy/status`
