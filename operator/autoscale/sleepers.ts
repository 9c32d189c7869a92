// Looks after the jobs that are idle and have no worker, while this operator leads: begins the probes of their sources, one
// at a time for each DataSource and few in all, each for as many jobs as may share a pod; hears how they ended, and has a
// job woken when there is something to do.
// What it remembers is only when to look next, so a new operator begins with all of them as if they had just fallen asleep.
import { parseDuration } from '#api/duration.ts'
import type { Clock } from '#common/clock.ts'
import { describeError } from '#common/errors.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import { asleepFrom, decideSleep, isSoonDue } from '#master/autoscale/sleep.ts'
import type { ProbeOutcome, Sleep, Sleeper } from '#master/autoscale/sleep.ts'
import type { Caches } from '../caches.ts'
import type { KubeClient } from '../kube/client.ts'
import { namespacedName, objectKey } from '../kube/object.ts'
import type { OperatorMetrics } from '../metrics.ts'
import { isConfigError } from '../resource-check.ts'
import { jobType } from '../resources.ts'
import type { Job, SyncJobObject } from '../resources.ts'
import { compileJob } from '../sync-job/compile-job.ts'
import { jobOutcome } from '../sync-job/job-outcome.ts'
import { jobIndexKey, jobKeyOf } from '../sync-job/names.ts'
import { isProbe, isWorker } from '../sync-job/observe.ts'
import type { SourceVisits } from '../sync-job/source-visits.ts'
import type { WorkerImage } from '../sync-job/worker-pod.ts'
import type { Autoscaler } from './autoscaler.ts'
import { probeBatches } from './probe-batches.ts'
import type { Waiting } from './probe-batches.ts'
import { buildProbeJob, endedProbe, probeDeadlineMs, probedJobs } from './probe-job.ts'
import type { EndedProbe } from './probe-job.ts'
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
  job: Job
  /** Key of the DataSource it looks at. */
  source: string
  beganAtMs: number
  /** It was seen to have failed, without a pod that says why: that may be on its way here. */
  isUnexplained: boolean
}

interface WaitingJob extends Waiting {
  key: string
  object: SyncJobObject
}

const lookIntervalMs = 5_000
/** A Job that was to end by then is not waited for any longer. */
const givenUpMs = probeDeadlineMs + 30_000

export class Sleepers {
  readonly #options: SleepersOptions
  /** By the job's key. */
  readonly #sleeps = new Map<string, Sleep>()
  /** By the key of their Job; null before those of the operator before were looked for. */
  #probes: Map<string, Probe> | null = null

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
    const { autoscaler, caches } = this.#options
    const probes = (this.#probes ??= this.#adopted())
    const outcomes = this.#outcomes(probes)
    const probing = new Set([...probes.values()].flatMap(({ job }) => probedKeys(job)))
    const waiting: WaitingJob[] = []
    const asleep = new Set<string>()
    for (const { object, spec, status } of autoscaler.asleep()) {
      const key = objectKey(object)
      asleep.add(key)
      const compiled = compileJob(object, caches)
      // Ready says what is wrong with it, and whoever mends that wakes it.
      if (isConfigError(compiled)) continue
      const intervalMs = parseDuration(spec.autoscaling.probeInterval)
      const changed = status.asleep?.spec !== specHash(object, compiled)
      const isProbing = probing.has(key)
      const outcome = outcomes.get(key) ?? null
      const isDue = this.#decide(object, { intervalMs, changed, outcome, isProbing })
      const sleep = this.#sleeps.get(key)
      // The last worker may still read.
      if (sleep === undefined || isProbing || this.#hasWorker(object)) continue
      const { nextProbeAtMs } = sleep
      if (isSoonDue(sleep, this.#options.clock.monotonicMs()))
        waiting.push({ key, object, compiled, nextProbeAtMs, isDue })
    }
    for (const key of this.#sleeps.keys()) if (!asleep.has(key)) this.#sleeps.delete(key)
    for (const batch of probeBatches(waiting)) await this.#probe(probes, batch)
  }

  /** Whether a look is due; the job may be awake then. */
  #decide(
    object: SyncJobObject,
    seen: Pick<Sleeper, 'changed' | 'outcome' | 'isProbing'> & {
      intervalMs: number
    },
  ): boolean {
    const { autoscaler, clock, metrics } = this.#options
    const key = objectKey(object)
    const nowMs = clock.monotonicMs()
    const random = clock.random()
    const { intervalMs, ...rest } = seen
    if (rest.outcome !== null) metrics.probes.inc({ job: key, outcome: rest.outcome.kind })
    const sleep = this.#sleeps.get(key) ?? asleepFrom(nowMs, intervalMs, random)
    const decided = decideSleep({ ...rest, sleep, nowMs, random })
    if (decided.step === 'wake') {
      this.#sleeps.delete(key)
      autoscaler.wake(object, decided)
      return false
    }
    this.#sleeps.set(key, decided.sleep)
    return decided.step === 'probe'
  }

  #hasWorker(object: SyncJobObject): boolean {
    return this.#options.caches.pods.indexed('job', jobIndexKey(object)).some(isWorker)
  }

  /** Those that the operator before began. */
  #adopted(): Map<string, Probe> {
    const jobs = [...this.#options.caches.jobs.values()]
    return new Map(jobs.filter(isRunningProbe).map(job => [objectKey(job), this.#begun(job)]))
  }

  #begun(job: Job): Probe {
    const { caches, clock } = this.#options
    const object = probedKeys(job)
      .map(key => caches.syncJobs.get(key))
      .find(found => found !== undefined)
    const source = object === undefined ? '' : sourceOf(object)
    return { job, source, beganAtMs: clock.monotonicMs(), isUnexplained: false }
  }

  /** Of the probes that have ended since the last look, by the keys of the jobs they looked for. */
  #outcomes(probes: Map<string, Probe>): ReadonlyMap<string, ProbeOutcome> {
    const outcomes = new Map<string, ProbeOutcome>()
    for (const [key, probe] of probes) {
      const ended = this.#ended(key, probe)
      if (ended === null) continue
      if (!ended.isExplained && !probe.isUnexplained) {
        probes.set(key, { ...probe, isUnexplained: true })
        continue
      }
      probes.delete(key)
      for (const [name, outcome] of ended.outcomes)
        outcomes.set(namespacedName(probe.job.metadata.namespace, name), outcome)
    }
    return outcomes
  }

  #ended(key: string, { job, beganAtMs }: Probe): EndedProbe | null {
    const { caches, clock } = this.#options
    const live = caches.jobs.get(key)
    if (live !== undefined)
      return endedProbe(
        live,
        jobKeyOf(live).flatMap(index => caches.pods.indexed('job', index)),
      )
    if (clock.monotonicMs() - beganAtMs < givenUpMs) return null
    const complaint = 'The probe was removed before anybody saw how it ended.'
    return {
      outcomes: new Map(probedJobs(job).map(name => [name, { kind: 'failed', complaint }])),
      isExplained: true,
    }
  }

  /** Begins it, if it is its turn. */
  async #probe(probes: Map<string, Probe>, batch: readonly WaitingJob[]): Promise<void> {
    const { client, clock, logger, probesMax, visits, worker } = this.#options
    const [{ compiled, object }] = batch as readonly [WaitingJob, ...WaitingJob[]]
    const running = [...probes.values()]
    if (running.length >= probesMax || running.some(({ source }) => source === sourceOf(object))) return
    const compiledJobs = batch.map(each => each.compiled)
    const job = buildProbeJob(compiledJobs, worker, clock.nowMs())
    if (!visits.take(compiled.plan, job)) return
    probes.set(objectKey(job), this.#begun(job))
    try {
      await client.create(jobType, job)
    } catch (error) {
      probes.delete(objectKey(job))
      visits.giveBack(job)
      for (const { key } of batch) this.#failed(key, describeError(error))
      logger.warn('a probe of a source could not be begun', { job: objectKey(job), ...errorFields(error) })
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

function probedKeys(job: Job): string[] {
  return probedJobs(job).map(name => namespacedName(job.metadata.namespace, name))
}

function isRunningProbe(job: Job): boolean {
  return isProbe(job) && jobOutcome(job) === 'running'
}

function sourceOf({ metadata, spec }: SyncJobObject): string {
  return namespacedName(metadata.namespace, (spec as { source: { name: string } }).source.name)
}
