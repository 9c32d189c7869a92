// Looks after the jobs that are idle and have no worker, while this operator leads: begins the probes of their sources, one
// at a time for each DataSource and few in all, hears how they ended, and has a job woken when there is something to do.
// What it remembers is only when to look next, so a new operator begins with all of them as if they had just fallen asleep.
import { parseDuration } from '#api/duration.ts'
import type { Clock } from '#common/clock.ts'
import { describeError } from '#common/errors.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import { asleepFrom, decideSleep } from '#master/autoscale/sleep.ts'
import type { ProbeOutcome, Sleep } from '#master/autoscale/sleep.ts'
import type { Caches } from '../caches.ts'
import type { KubeClient } from '../kube/client.ts'
import { namespacedName, objectKey } from '../kube/object.ts'
import type { OperatorMetrics } from '../metrics.ts'
import { isConfigError } from '../resource-check.ts'
import { jobType } from '../resources.ts'
import type { Job, SyncJobObject } from '../resources.ts'
import { compileJob } from '../sync-job/compile-job.ts'
import type { CompiledJob } from '../sync-job/compile-job.ts'
import { jobOutcome } from '../sync-job/job-outcome.ts'
import { jobIndexKey } from '../sync-job/names.ts'
import { isProbe, isWorker } from '../sync-job/observe.ts'
import type { SourceVisits } from '../sync-job/source-visits.ts'
import type { WorkerImage } from '../sync-job/worker-pod.ts'
import type { Autoscaler } from './autoscaler.ts'
import { buildProbeJob, probeDeadlineMs, probeOutcome } from './probe-job.ts'
import { specHash } from './spec-hash.ts'

export interface SleepersOptions {
  client: Pick<KubeClient, 'create'>
  caches: Caches
  autoscaler: Pick<Autoscaler, 'asleep' | 'wake'>
  worker: WorkerImage
  visits: Pick<SourceVisits, 'take' | 'giveBack'>
  clock: Clock
  logger: Logger
  metrics: Pick<OperatorMetrics, 'probes'>
  /** Probes that run at once, at most. */
  probesMax: number
}

/** A probe that was begun and has not been heard of the end of. */
interface Probe {
  /** Key of its Job. */
  job: string
  /** Key of the DataSource it looks at. */
  source: string
  beganAtMs: number
  /** It was seen to have failed, without a pod that says why: that may be on its way here. */
  isUnexplained: boolean
}

interface Due {
  object: SyncJobObject
  compiled: CompiledJob
  sinceMs: number
}

const lookIntervalMs = 5_000
/** A Job that was to end by then is not waited for any longer. */
const givenUpMs = probeDeadlineMs + 30_000

export class Sleepers {
  readonly #options: SleepersOptions
  /** By the job's key. */
  readonly #sleeps = new Map<string, Sleep>()
  readonly #probes = new Map<string, Probe>()

  constructor(options: SleepersOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(lookIntervalMs, signal)
      if (!signal.aborted) await this.look()
    }
  }

  /** Every job that sleeps, once. */
  async look(): Promise<void> {
    const { autoscaler, caches, clock } = this.#options
    const due: Due[] = []
    const asleep = new Set<string>()
    for (const { object, spec, status } of autoscaler.asleep()) {
      const key = objectKey(object)
      asleep.add(key)
      const compiled = compileJob(object, caches)
      // Ready says what is wrong with it, and whoever mends that wakes it.
      if (isConfigError(compiled)) continue
      const nowMs = clock.monotonicMs()
      const random = clock.random()
      const intervalMs = parseDuration(spec.autoscaling.probeInterval)
      const sleep = this.#sleeps.get(key) ?? asleepFrom(nowMs, intervalMs, random)
      const outcome = this.#outcomeOf(key, object)
      const changed = status.asleep?.spec !== specHash(object, compiled)
      const isProbing = this.#probes.has(key)
      const decided = decideSleep({ sleep, changed, outcome, isProbing, nowMs, random })
      if (decided.step === 'wake') {
        this.#sleeps.delete(key)
        autoscaler.wake(object, decided)
        continue
      }
      this.#sleeps.set(key, decided.sleep)
      if (decided.step === 'probe') due.push({ object, compiled, sinceMs: decided.sleep.nextProbeAtMs })
    }
    for (const key of this.#sleeps.keys()) if (!asleep.has(key)) this.#sleeps.delete(key)
    this.#forgetEnded(asleep)
    for (const each of due.toSorted((a, b) => a.sinceMs - b.sinceMs)) await this.#probe(each)
  }

  /** Of the probe of a job, when it has ended. */
  #outcomeOf(key: string, object: SyncJobObject): ProbeOutcome | null {
    const { caches, metrics } = this.#options
    const probe = this.#probes.get(key) ?? this.#adopt(key, object)
    if (probe === undefined) return null
    const job = caches.jobs.get(probe.job)
    const outcome =
      job === undefined
        ? this.#lost(probe)
        : probeOutcome(job, caches.pods.indexed('job', jobIndexKey(object)))
    if (outcome === null) return null
    if (outcome.kind === 'failed' && !probe.isUnexplained) {
      this.#probes.set(key, { ...probe, isUnexplained: true })
      return null
    }
    this.#probes.delete(key)
    metrics.probes.inc({ job: key, outcome: outcome.kind })
    return outcome
  }

  /** One that the operator before began. */
  #adopt(key: string, object: SyncJobObject): Probe | undefined {
    if (this.#sleeps.has(key)) return undefined
    const { caches } = this.#options
    const job = caches.jobs.indexed('job', jobIndexKey(object)).find(isRunningProbe)
    if (job === undefined) return undefined
    return this.#noteProbe(key, object, job)
  }

  #noteProbe(key: string, object: SyncJobObject, job: Job): Probe {
    const beganAtMs = this.#options.clock.monotonicMs()
    const probe = { job: objectKey(job), source: sourceOf(object), beganAtMs, isUnexplained: false }
    this.#probes.set(key, probe)
    return probe
  }

  #lost({ beganAtMs }: Probe): ProbeOutcome | null {
    if (this.#options.clock.monotonicMs() - beganAtMs < givenUpMs) return null
    return { kind: 'failed', complaint: 'The probe was removed before anybody saw how it ended.' }
  }

  /** Probes of jobs that are awake by now or gone: they count as long as they run. */
  #forgetEnded(asleep: ReadonlySet<string>): void {
    const { caches, clock } = this.#options
    for (const [key, { job, beganAtMs }] of this.#probes) {
      if (asleep.has(key)) continue
      const live = caches.jobs.get(job)
      const isOver = live !== undefined && jobOutcome(live) !== 'running'
      if (isOver || clock.monotonicMs() - beganAtMs > givenUpMs) this.#probes.delete(key)
    }
  }

  /** Begins it, if it is its turn. */
  async #probe({ object, compiled }: Due): Promise<void> {
    const { caches, client, clock, logger, probesMax, visits, worker } = this.#options
    const source = sourceOf(object)
    const running = [...this.#probes.values()]
    if (running.length >= probesMax || running.some(probe => probe.source === source)) return
    // The last worker may still read.
    if (caches.pods.indexed('job', jobIndexKey(object)).some(isWorker)) return
    const key = objectKey(object)
    const job = buildProbeJob(compiled, worker, clock.nowMs())
    if (!visits.take(compiled.plan, job)) return
    this.#noteProbe(key, object, job)
    try {
      await client.create(jobType, job)
    } catch (error) {
      this.#probes.delete(key)
      visits.giveBack(job)
      this.#failed(key, describeError(error))
      logger.warn('a probe of a source could not be begun', { job: key, ...errorFields(error) })
    }
  }

  #failed(key: string, complaint: string): void {
    const sleep = this.#sleeps.get(key)
    if (sleep === undefined) return
    const nextProbeAtMs = this.#options.clock.monotonicMs() + sleep.intervalMs
    this.#sleeps.set(key, { ...sleep, nextProbeAtMs, failures: sleep.failures + 1, complaint })
    this.#options.metrics.probes.inc({ job: key, outcome: 'failed' })
  }
}

function isRunningProbe(job: Job): boolean {
  return isProbe(job) && jobOutcome(job) === 'running'
}

function sourceOf({ metadata, spec }: SyncJobObject): string {
  return namespacedName(metadata.namespace, (spec as { source: { name: string } }).source.name)
}
