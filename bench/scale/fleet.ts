// SyncJobs by the thousand, and when each of them got its Deployment and was Ready, seen by watches of our own.
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '#common/clock.ts'
import { createLogger } from '#common/json-logger.ts'
import type { KubeClient } from '#operator/kube/client.ts'
import { objectKey, resourcePath } from '#operator/kube/object.ts'
import type { KubeObject, ResourceType } from '#operator/kube/object.ts'
import { Reflector } from '#operator/kube/reflector.ts'
import type { CustomObject, Deployment } from '#operator/resources.ts'
import { deploymentType, syncJobType } from '#operator/resources.ts'
import { jobKeyOf } from '#operator/sync-job/names.ts'

interface Milestones {
  appliedAtMs: number
  deployedAtMs: number | null
  readyAtMs: number | null
}

/** Milliseconds from the answer to the creation of a SyncJob. */
export interface Latencies {
  deployed: number[]
  ready: number[]
}

export class Fleet {
  readonly #client: KubeClient
  readonly #milestones = new Map<string, Milestones>()
  /** How many workers each job's Deployment has, by the job's key. */
  readonly #workers = new Map<string, number>()
  readonly #stop = new AbortController()
  #count = 0

  constructor(client: KubeClient) {
    this.#client = client
  }

  get size(): number {
    return this.#count
  }

  /** Begins to watch. */
  async start(): Promise<void> {
    const watches = [
      this.#reflector(syncJobType, object => this.#sawJob(object)),
      this.#reflector(deploymentType, object => this.#sawDeployment(object)),
    ]
    for (const watch of watches) void watch.run(this.#stop.signal)
    await Promise.all(watches.map(watch => watch.synced))
  }

  stop(): void {
    this.#stop.abort()
  }

  /** Creates jobs until there are so many, some at a time, and waits until all are Ready. */
  async growTo(count: number, atOnce: number): Promise<Latencies> {
    const names = Array.from({ length: count - this.#count }, (_, at) => `job-${this.#count + at}`)
    this.#count = count
    const waiting = names.values()
    const creators = Array.from({ length: atOnce }, async () => {
      for (const name of waiting) await this.#create(name)
    })
    await Promise.all(creators)
    const made = names.map(name => this.#milestones.get(`fleet/${name}`)!)
    while (made.some(({ readyAtMs }) => readyAtMs === null)) await delay(20)
    return {
      deployed: made.map(({ appliedAtMs, deployedAtMs }) => deployedAtMs! - appliedAtMs),
      ready: made.map(({ appliedAtMs, readyAtMs }) => readyAtMs! - appliedAtMs),
    }
  }

  /** Edits the last job, and waits until its Deployment has no workers any more. */
  async suspendLast(): Promise<void> {
    await this.#edit(true, 0)
  }

  async resumeLast(): Promise<void> {
    await this.#edit(false, 1)
  }

  async #edit(suspend: boolean, workers: number): Promise<void> {
    const name = `job-${this.#count - 1}`
    await this.#client.request({
      method: 'PATCH',
      path: resourcePath(syncJobType, { namespace: 'fleet', name }),
      contentType: 'application/merge-patch+json',
      body: { spec: { suspend } },
    })
    while (this.#workers.get(`fleet/${name}`) !== workers) await delay(20)
  }

  async #create(name: string): Promise<void> {
    const milestones: Milestones = { appliedAtMs: performance.now(), deployedAtMs: null, readyAtMs: null }
    this.#milestones.set(`fleet/${name}`, milestones)
    await this.#client.create(syncJobType, {
      apiVersion: syncJobType.apiVersion,
      kind: syncJobType.kind,
      metadata: { name, namespace: 'fleet' },
      spec: { source: { name: 'shop-db' }, target: { name: 'lake' }, tables: [{ include: 'public.*' }] },
    })
    milestones.appliedAtMs = performance.now()
  }

  #reflector<T extends KubeObject>(type: ResourceType<T>, saw: (object: T) => void): Reflector<T> {
    return new Reflector({
      client: this.#client,
      type,
      namespace: 'fleet',
      onChange: ({ object }) => saw(object),
      clock: systemClock,
      logger: createLogger('error'),
    })
  }

  #sawDeployment(object: Deployment): void {
    for (const key of jobKeyOf(object)) {
      this.#workers.set(key, object.spec.replicas ?? 1)
      const milestones = this.#milestones.get(key)
      if (milestones !== undefined) milestones.deployedAtMs ??= performance.now()
    }
  }

  #sawJob(object: CustomObject): void {
    const milestones = this.#milestones.get(objectKey(object))
    const ready = object.status?.conditions?.find(({ type }) => type === 'Ready')
    if (milestones !== undefined && ready?.status === 'True') milestones.readyAtMs ??= performance.now()
  }
}
