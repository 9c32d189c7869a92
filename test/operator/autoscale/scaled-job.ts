// A job that an autoscaler scales, without a cluster: its workers read evenly, tell what they measured, and come and go as
// its Deployment would have them; the reconciler's part is done by hand.
import { systemClock } from '#common/clock.ts'
import type { Heartbeat } from '#api/heartbeat.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Autoscaler, decisionIntervalMs } from '#operator/autoscale/autoscaler.ts'
import type { Waking } from '#operator/autoscale/autoscaler.ts'
import { dataSourceKeysOf } from '#operator/caches.ts'
import type { Caches } from '#operator/caches.ts'
import type { Happening } from '#operator/kube/events.ts'
import { ObjectCache } from '#operator/kube/object-cache.ts'
import { isConfigError, readResource } from '#operator/resource-check.ts'
import type { CustomObject, Pod, SyncJobObject } from '#operator/resources.ts'
import { jobIndexKey, jobKeyOf, labelsOf } from '#operator/sync-job/names.ts'
import { workersOf } from '#operator/sync-job/size.ts'
import { observedStatus } from '#operator/sync-job/status.ts'
import type { Json } from '../fake-api-store.ts'
import { lake, shopDb, shopToLake } from '../sync-job/fixtures.ts'

const key = 'shop/shop-to-lake'
const lanePerSecond = 1000
const splits = 16
const lanes = 2
const startUpMs = 20_000
/** After so long a session's measurements count. */
const settledMs = 45_000

export class ScaledJob {
  nowMs: number = Date.UTC(2026, 0, 1)
  readonly events: Happening[] = []
  readonly metrics = createOperatorMetrics()
  readonly decisions: string[] = []
  /** Records/s that come in. */
  input = 1000
  backlog = 0
  blockedShare = 0
  /** What the master hears; false: nothing. */
  isHeard = true
  /** Ranges of a snapshot that are left; what is measured then is nothing. */
  ranges = 0
  /** Of one split, in parts of the input; the others share the rest. */
  skew = 1 / splits
  readonly #caches: Caches
  #autoscaler: Autoscaler
  #version = 1
  #pods: { name: string; createdMs: number }[] = []
  #dealtAtMs = 0

  /** @param connections that its source may have; undefined: any number */
  constructor(spec: Json, connections?: number) {
    this.#caches = {
      syncJobs: new ObjectCache<SyncJobObject>({
        job: job => [jobIndexKey(job)],
        dataSource: dataSourceKeysOf,
      }),
      pods: new ObjectCache<Pod>({ job: jobKeyOf }),
      dataSources: new ObjectCache<CustomObject>({ namespace: () => ['shop'] }),
      virtualTables: new ObjectCache<CustomObject>({ namespace: () => ['shop'] }),
    } as unknown as Caches
    const { metadata, ...job } = shopToLake(spec)
    const named = { ...metadata, uid: 'uid-1', resourceVersion: '1', generation: 1 }
    this.#caches.syncJobs.upsert({ ...job, metadata: named })
    const protection = connections !== undefined && { protection: { limits: { connections } } }
    const db = shopDb()
    for (const source of [{ ...db, spec: { ...db.spec, ...protection } }, lake()])
      this.#caches.dataSources.upsert({
        ...source,
        metadata: { ...source.metadata, uid: source.metadata.name, resourceVersion: '1' },
      })
    this.#autoscaler = this.#lead()
  }

  get job(): SyncJobObject {
    return this.#caches.syncJobs.get(key)!
  }
  get status(): SyncJobStatus | undefined {
    return this.job.status
  }
  get lagMs(): number {
    return this.input === 0 ? 0 : (this.backlog / this.input) * 1000
  }
  get pods(): number {
    return this.#pods.length
  }

  /** Another job that reads the same source, with so many workers that it is to have. */
  addOther(name: string, workers: number): void {
    const { metadata, ...job } = shopToLake({ replicas: workers, autoscaling: { mode: 'Manual' } })
    this.#caches.syncJobs.upsert({ ...job, metadata: { ...metadata, name, uid: name, resourceVersion: '1' } })
  }

  removeOther(name: string): void {
    this.#caches.syncJobs.remove(this.#caches.syncJobs.get(`shop/${name}`)!)
  }

  change(spec: Json): void {
    this.#update({ ...this.job, spec: { ...(this.job.spec as Json), ...spec } })
  }

  /** Who looks at the source of an idle job found something, or nothing for too long. */
  wake(waking: Waking): void {
    this.#autoscaler.wake(this.job, waking)
    // What was decided is written first, and the Deployment follows.
    for (let run = 0; run < 2; run++) this.#reconcile()
  }

  get isAsleep(): boolean {
    return [...this.#autoscaler.asleep()].length > 0
  }

  /** Another operator takes over, which knows what is in the cluster and nothing else. */
  takeOver(): void {
    this.#autoscaler = this.#lead()
  }

  /** Some decisions, each followed by what it leads to. */
  run(minutes: number, each: () => void = () => undefined): void {
    for (let ms = 0; ms < minutes * 60_000; ms += decisionIntervalMs) {
      this.#pass(decisionIntervalMs)
      if (this.isHeard) for (const beat of this.#heartbeats()) this.#autoscaler.heard(beat)
      this.#autoscaler.decideAll()
      this.#reconcile()
      each()
    }
  }

  #lead(): Autoscaler {
    return new Autoscaler({
      caches: this.#caches,
      clock: { ...systemClock, nowMs: () => this.nowMs },
      metrics: this.metrics,
      events: { record: (_, happening) => this.events.push(happening) },
      onDecision: job => this.decisions.push(job),
    })
  }

  #pass(ms: number): void {
    this.nowMs += ms
    const perSecond = this.#ready().length * lanes * lanePerSecond * (1 - this.blockedShare)
    this.backlog = Math.max(0, this.backlog + ((this.input - perSecond) * ms) / 1000)
  }

  #ready(): { name: string }[] {
    return this.#pods.filter(({ createdMs }) => this.nowMs - createdMs >= startUpMs)
  }

  #heartbeats(): Heartbeat[] {
    const workers = this.#ready()
    const count = workers.length * lanes
    const behind = this.backlog > 0
    const most = 1 - this.blockedShare
    const busyShare = behind ? most : Math.min(most, this.input / count / lanePerSecond)
    return workers.map(({ name }, at) => ({
      job: { namespace: 'shop', name: 'shop-to-lake' },
      worker: name,
      startedAtMs: 1,
      number: 1,
      term: 1,
      plan: '',
      capacity: lanes,
      leaving: false,
      held: Array.from({ length: this.ranges > 0 ? 0 : splits }, (_, split) => split)
        .filter(split => Math.floor((split % count) / lanes) === at)
        .map(split => ({
          id: `s${split}`,
          draining: false,
          leased: true,
          lagMs: this.lagMs,
          lane: split % lanes,
          measured: {
            ageMs: 1000,
            inputPerSecond: this.input * (split === 0 ? this.skew : (1 - this.skew) / (splits - 1)),
            processedPerSecond: (busyShare * lanePerSecond * count) / splits,
            lagRecords: this.backlog / splits,
          },
        })),
      lanes: Array.from({ length: lanes }, (_, lane) => ({
        lane,
        ageMs: 1000,
        processedPerSecond: busyShare * lanePerSecond,
        busyShare,
        blockedShare: this.blockedShare,
        settled: this.nowMs - this.#dealtAtMs >= settledMs,
      })),
      finished: [],
      planned:
        at > 0
          ? null
          : Array.from({ length: this.ranges }, (_, range) => {
              return { id: `r${range}`, tables: ['t'], bounded: true, stage: 0, weight: 1 }
            }),
      leases: [],
    }))
  }

  /** What the reconciler, the Deployment controller and kubelets would do. */
  #reconcile(): void {
    const job = readResource('SyncJob', this.job)
    if (isConfigError(job)) throw job
    const wanted = workersOf(job.spec, this.status)
    while (this.#pods.length > wanted) this.#remove()
    while (this.#pods.length < wanted) this.#add()
    for (const { name } of this.#pods) this.#showReadiness(this.#caches.pods.get(`shop/${name}`)!)
    const observed = {
      refusal: null,
      suspended: false,
      asleep: null,
      complete: null,
      rolledOut: null,
      scaling: this.#autoscaler.scalingOf(this.job),
      deployment: undefined,
      pods: [...this.#caches.pods.values()],
      reports: [],
    }
    const context = { generation: 1, nowMs: this.nowMs, selector: '', resync: undefined }
    this.#update({ ...this.job, status: observedStatus(observed, this.status, context) })
  }

  #update(job: SyncJobObject): void {
    this.#version++
    const metadata = { ...job.metadata, resourceVersion: String(this.#version) }
    this.#caches.syncJobs.upsert({ ...job, metadata })
  }

  #add(): void {
    const name = `pod-${this.#version++}`
    this.#pods.push({ name, createdMs: this.nowMs })
    this.#caches.pods.upsert({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'shop',
        uid: name,
        resourceVersion: '1',
        labels: labelsOf('shop-to-lake', 'worker'),
      },
      spec: { containers: [] },
    })
    this.#dealtAtMs = this.nowMs + startUpMs
  }

  #remove(): void {
    const { name } = this.#pods.pop()!
    const pod = this.#caches.pods.get(`shop/${name}`)!
    this.#caches.pods.remove(pod)
    this.#autoscaler.podGone(pod)
    this.#dealtAtMs = this.nowMs
  }

  #showReadiness(pod: Pod): void {
    const { createdMs } = this.#pods.find(({ name }) => name === pod.metadata.name)!
    const status = this.nowMs - createdMs >= startUpMs ? 'True' : 'False'
    const metadata = { ...pod.metadata, resourceVersion: String(Number(pod.metadata.resourceVersion) + 1) }
    this.#caches.pods.upsert({ ...pod, metadata, status: { conditions: [{ type: 'Ready', status }] } })
  }
}
