// Idle jobs without workers, and those who look after them, without a cluster: probes take as long as a test says and end
// as it says, and time is the test's.
import type { ProbeResult } from '#api/probe.ts'
import { probeReportText } from '#api/probe.ts'
import { silentLogger } from '#common/logger.ts'
import { systemClock } from '#common/clock.ts'
import { Autoscaler } from '#operator/autoscale/autoscaler.ts'
import { probedJobs } from '#operator/autoscale/probe-job.ts'
import { Sleepers } from '#operator/autoscale/sleepers.ts'
import { specHash } from '#operator/autoscale/spec-hash.ts'
import type { Caches } from '#operator/caches.ts'
import type { Happening } from '#operator/kube/events.ts'
import { ObjectCache } from '#operator/kube/object-cache.ts'
import { objectKey } from '#operator/kube/object.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { isConfigError } from '#operator/resource-check.ts'
import type { CustomObject, Job, Pod, SyncJobObject } from '#operator/resources.ts'
import { compileJob } from '#operator/sync-job/compile-job.ts'
import { jobIndexKey, jobKeyOf } from '#operator/sync-job/names.ts'
import { worker } from '../sync-job/built.ts'
import { lake, shopDb, shopToLake } from '../sync-job/fixtures.ts'

const lookIntervalMs = 5_000

export interface RunningProbe {
  job: Job
  beganAtMs: number
}

export class SleepingJobs {
  nowMs = 0
  /** Whether its turn has come, where the source has a limit of connections. */
  mayVisit = true
  readonly events: Happening[] = []
  readonly running = new Set<RunningProbe>()
  /** When probes of each job were begun. */
  readonly looks = new Map<string, number[]>()
  #sleepers: Sleepers
  readonly #caches: Caches
  #version = 0

  /** Jobs that fell asleep just now, and read these sources in turns; `alone`: none may share a pod with another. */
  constructor({ jobs, sources, alone = false }: { jobs: number; sources: number; alone?: boolean }) {
    this.#caches = {
      syncJobs: new ObjectCache<SyncJobObject>({ job: job => [jobIndexKey(job)] }),
      dataSources: new ObjectCache<CustomObject>({ namespace: () => ['shop'] }),
      virtualTables: new ObjectCache<CustomObject>({ namespace: () => ['shop'] }),
      jobs: new ObjectCache<Job>({ job: jobKeyOf }),
      pods: new ObjectCache<Pod>({ job: jobKeyOf }),
    } as unknown as Caches
    const target = lake()
    // Then its store lets in who the pod is.
    if (alone) target.spec['hudi'] = { url: 's3://lake/ods' }
    this.#caches.dataSources.upsert(this.#live(target))
    for (let at = 0; at < sources; at++) this.#caches.dataSources.upsert(this.#live(shopDb(), `db-${at}`))
    for (let at = 0; at < jobs; at++) this.#sleep(`job-${at}`, `db-${at % sources}`)
    this.#sleepers = this.#lead()
  }

  /** Another operator takes over. */
  takeOver(): void {
    this.#sleepers = this.#lead()
  }

  #lead(): Sleepers {
    const clock = { ...systemClock, monotonicMs: () => this.nowMs, nowMs: () => this.nowMs }
    const around = { caches: this.#caches, clock, metrics: createOperatorMetrics() }
    const autoscaler = new Autoscaler({
      ...around,
      events: { record: (_, happening) => this.events.push(happening) },
      onDecision: () => undefined,
    })
    return new Sleepers({
      ...around,
      client: { create: async (_: unknown, job: Job) => this.#begin(job) } as never,
      autoscaler,
      worker,
      visits: { take: () => this.mayVisit, giveBack: () => undefined },
      logger: silentLogger,
      probesMax: 10,
    })
  }

  /** Looks after them once. */
  async look(): Promise<void> {
    this.nowMs += lookIntervalMs
    await this.#sleepers.look()
  }

  /** What the Job controller tells of a probe. */
  end(probe: RunningProbe, type: 'Complete' | 'Failed'): void {
    this.running.delete(probe)
    this.#caches.jobs.upsert(this.#live({ ...probe.job, status: { conditions: [{ type, status: 'True' }] } }))
  }

  /** What a kubelet tells of its pod. */
  endPod({ job: { metadata } }: RunningProbe, exitCode: number, message: string): void {
    const labels = { ...metadata.labels, 'batch.kubernetes.io/job-name': metadata.name }
    const state = { terminated: { exitCode, message } }
    this.#caches.pods.upsert(
      this.#live({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: metadata.name, namespace: 'shop', labels },
        spec: { containers: [] },
        status: { containerStatuses: [{ restartCount: 0, state }] },
      }),
    )
  }

  /** What its pod says that it saw for each of its jobs. */
  report(probe: RunningProbe, result: (name: string) => ProbeResult): void {
    this.running.delete(probe)
    this.endPod(probe, 1, probeReportText(probedJobs(probe.job).map(result)))
    this.end(probe, 'Failed')
  }

  /** The DataSource that a probe looks at. */
  sourceOf({ job }: RunningProbe): string {
    const object = this.#caches.syncJobs.get(`shop/${job.metadata.ownerReferences?.[0]?.name}`)!
    return (object.spec as { source: { name: string } }).source.name
  }

  #sleep(name: string, source: string): void {
    const spec = { source: { name: source }, autoscaling: { minReplicas: 0 } }
    const object = this.#live(shopToLake(spec), name)
    const compiled = compileJob(object, this.#caches)
    if (isConfigError(compiled)) throw compiled
    const asleep = { since: '2026-01-01T00:00:00Z', spec: specHash(object, compiled) }
    const autoscaling = { desiredReplicas: 0, reason: 'Idle', message: '', asleep }
    this.#caches.syncJobs.upsert(this.#live({ ...object, status: { autoscaling } } as SyncJobObject))
  }

  #begin(job: Job): Job {
    this.running.add({ job, beganAtMs: this.nowMs })
    for (const name of probedJobs(job)) this.looks.set(name, [...(this.looks.get(name) ?? []), this.nowMs])
    this.#caches.jobs.upsert(this.#live(job))
    return this.#caches.jobs.get(objectKey(job))!
  }

  #live<T extends KubeObject>(object: T, name = object.metadata.name): T {
    const resourceVersion = String(++this.#version)
    return { ...object, metadata: { ...object.metadata, name, uid: name, resourceVersion, generation: 1 } }
  }
}
