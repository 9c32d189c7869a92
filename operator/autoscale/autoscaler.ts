// Asks the decider (master/autoscale/) about every autoscaled job, four times a minute, while this operator leads. What it
// decides goes into the job's status, and the Deployment follows that (sync-job/size.ts): so an operator that takes over
// goes on from what was decided, and nobody scales a Deployment behind the reconciler's back.
import type { ScalingStatus } from '#api/autoscaling.ts'
import { parseDuration } from '#api/duration.ts'
import type { Heartbeat } from '#api/heartbeat.ts'
import type { SyncJobSpec } from '#api/sync-job.ts'
import type { Clock } from '#common/clock.ts'
import { decideBackfill } from '#master/autoscale/backfill.ts'
import { withinConnections } from '#master/autoscale/connection-room.ts'
import { decideSize } from '#master/autoscale/decide.ts'
import type { AutoscalingState, Limits, ScalingDecision, ScalingReason } from '#master/autoscale/model.ts'
import type { Caches } from '../caches.ts'
import type { Statement } from '../kube/conditions.ts'
import { metaTime } from '../kube/conditions.ts'
import type { EventRecorder } from '../kube/events.ts'
import { namespacedName, objectKey } from '../kube/object.ts'
import type { OperatorMetrics } from '../metrics.ts'
import { isConfigError, readResource } from '../resource-check.ts'
import type { Pod, SyncJobObject } from '../resources.ts'
import { jobIndexKey } from '../sync-job/names.ts'
import { compileJob } from '../sync-job/compile-job.ts'
import { isReady, isWorker } from '../sync-job/observe.ts'
import type { ObservedScaling } from '../sync-job/readiness.ts'
import { isAsleep, workersOf } from '../sync-job/size.ts'
import { coarseLag } from '../sync-job/status.ts'
import { decisionText, wakeText } from './decision-text.ts'
import { JobMeasurements } from './job-measurements.ts'
import { coarse, learnedOf, stateOf, unseenFrom, unseenOf } from './memory.ts'
import { sourceConnections } from './source-connections.ts'
import { specHash } from './spec-hash.ts'

export interface AutoscalerOptions {
  caches: Caches
  clock: Clock
  events: Pick<EventRecorder, 'record'>
  metrics: Pick<OperatorMetrics, 'scalingDecisions'>
  /** Hears the key of a job whose number of workers is to be another. */
  onDecision: (job: string) => void
}

interface Scaled {
  measurements: JobMeasurements
  sinceMs: number
  state: AutoscalingState | null
  decision: ScalingDecision | null
  status: ScalingStatus | undefined
  /** The last time that a decision was not free, and why. */
  limited: { reason: ScalingReason; message: string; untilMs: number } | null
}

/** Why an idle job gets a worker again. */
export interface Waking {
  reason: 'Waking' | 'SpecChanged' | 'SourceUnseen'
  /** A sentence. */
  what: string
}

export const decisionIntervalMs = 15_000
/** Workers that have just started, or have just heard of a new master, have not told anything yet. */
const unheardMs = 120_000
/** A condition that comes and goes with every decision tells nobody anything. */
const limitedHoldMs = 300_000

const limiting: ReadonlySet<ScalingReason> = new Set([
  'SplitSkew',
  'ExternalBottleneck',
  'MetricsStale',
  'AtMaximum',
  'ConnectionLimit',
  'SourceUnseen',
])

export class Autoscaler {
  readonly #options: AutoscalerOptions
  readonly #jobs = new Map<string, Scaled>()

  constructor(options: AutoscalerOptions) {
    this.#options = options
  }

  /** A worker that may speak for the job says this. */
  heard(heartbeat: Heartbeat): void {
    const key = namespacedName(heartbeat.job.namespace, heartbeat.job.name)
    const object = this.#options.caches.syncJobs.get(key)
    if (object === undefined || scaledSpec(object) === null) return
    this.#scaled(key, object).measurements.heard(heartbeat, this.#options.clock.nowMs())
  }

  podGone({ metadata }: Pod): void {
    for (const { measurements } of this.#jobs.values()) measurements.workerGone(metadata.name)
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(decisionIntervalMs, signal)
      if (!signal.aborted) this.decideAll()
    }
  }

  decideAll(): void {
    const { caches } = this.#options
    const asked = new Set<string>()
    for (const object of caches.syncJobs.values()) {
      const spec = scaledSpec(object)
      if (spec === null || isAtRest(object, spec)) continue
      const key = objectKey(object)
      asked.add(key)
      // Nobody measures anything then: sleepers.ts finds out when to wake it.
      if (!isAsleep(spec, this.#decidedOf(key, object))) this.#decide(key, object, spec)
    }
    for (const key of this.#jobs.keys()) if (!asked.has(key)) this.#jobs.delete(key)
  }

  /** Jobs that are idle, have no worker, and could have one. */
  *asleep(): Generator<{ object: SyncJobObject; spec: SyncJobSpec; status: ScalingStatus }> {
    for (const object of this.#options.caches.syncJobs.values()) {
      const spec = scaledSpec(object)
      if (spec === null || isAtRest(object, spec)) continue
      const { autoscaling: status } = this.#decidedOf(objectKey(object), object) ?? {}
      if (status !== undefined && isAsleep(spec, { autoscaling: status })) yield { object, spec, status }
    }
  }

  /** Gives an idle job a worker. */
  wake(object: SyncJobObject, { reason, what }: Waking): void {
    const { clock, events, metrics, onDecision } = this.#options
    const key = objectKey(object)
    const nowMs = clock.nowMs()
    const before = this.#scaled(key, object)
    const message = wakeText(reason, what)
    const { learned } = before.status ?? {}
    const sourceUnseen = reason === 'SourceUnseen' ? unseenFrom(nowMs, message) : undefined
    const status: ScalingStatus = {
      desiredReplicas: 1,
      reason,
      message,
      lastScaleTime: metaTime(nowMs),
      ...(sourceUnseen !== undefined && { sourceUnseen }),
      ...(learned !== undefined && { learned }),
    }
    this.#jobs.set(key, {
      // What was measured before it fell asleep is no reason to let it sleep again.
      measurements: new JobMeasurements(),
      state: before.state && { ...before.state, idleSinceMs: null, input: [] },
      sinceMs: nowMs,
      decision: null,
      status,
      limited: limitedByUnseen(status, nowMs),
    })
    metrics.scalingDecisions.inc({ job: key, reason })
    const type = sourceUnseen ? 'Warning' : 'Normal'
    events.record(object, { type, action: 'Scale', reason, note: `Scaled from 0 to 1 worker. ${message}` })
    onDecision(key)
  }

  /** What the status of the job is to say of it; undefined: it is not autoscaled. */
  scalingOf(object: SyncJobObject): ObservedScaling | undefined {
    const spec = specOf(object)
    if (spec !== null && !isScaled(spec)) return undefined
    const nowMs = this.#options.clock.nowMs()
    const written = object.status?.autoscaling
    const scaled = this.#jobs.get(objectKey(object))
    const { status = written, limited } = scaled ?? { limited: limitedByUnseen(written, nowMs) }
    const holds = limited !== null && nowMs < limited.untilMs
    return { status, limited: holds ? limitedCondition(limited) : null }
  }

  /** The last decision about each job. */
  *decisions(): Generator<[string, ScalingDecision]> {
    for (const [key, { decision }] of this.#jobs) if (decision !== null) yield [key, decision]
  }

  #scaled(key: string, object: SyncJobObject): Scaled {
    const nowMs = this.#options.clock.nowMs()
    let scaled = this.#jobs.get(key)
    if (scaled === undefined) {
      const status = object.status?.autoscaling
      const state = stateOf(status, nowMs)
      const measurements = new JobMeasurements()
      scaled = {
        measurements,
        sinceMs: nowMs,
        state,
        decision: null,
        status,
        limited: limitedByUnseen(status, nowMs),
      }
      this.#jobs.set(key, scaled)
    }
    return scaled
  }

  #decide(key: string, object: SyncJobObject, spec: SyncJobSpec): void {
    const { caches, clock } = this.#options
    const nowMs = clock.nowMs()
    const scaled = this.#scaled(key, object)
    const measurements = scaled.measurements.at(nowMs)
    const { backfill } = scaled.measurements
    if (measurements.splits.length === 0 && backfill === null && nowMs - scaled.sinceMs < unheardMs) return
    const acts = spec.autoscaling.mode === 'Auto'
    const decided = acts && scaled.status !== undefined ? { autoscaling: scaled.status } : object.status
    const pods = caches.pods.indexed('job', jobIndexKey(object)).filter(isWorker)
    const running = {
      replicas: workersOf(spec, decided),
      lanes: spec.worker.lanes,
      readyReplicas: pods.filter(isReady).length,
    }
    const use = sourceConnections(object, caches, other => this.#wantedOf(other))
    const asked = limitsOf(spec, unseenOf(scaled.status, nowMs) === undefined)
    const limits = use === null ? asked : withinConnections(asked, { ...use, running: running.replicas })
    const observation = { measurements, running, limits, state: scaled.state, nowMs }
    const decision = backfill === null ? decideSize(observation) : decideBackfill(observation, backfill)
    const { state } = decision
    // What nobody carries out is no change that one could learn from.
    const { lastChange = null, lastShrunkAtMs = null } = scaled.state ?? {}
    scaled.state = acts ? state : { ...state, lastChange, lastShrunkAtMs }
    scaled.decision = decision
    this.#tell(object, { scaled, limits, acts, from: running.replicas })
  }

  /** What was decided last: not all of it is written yet. */
  #decidedOf(key: string, object: SyncJobObject): { autoscaling?: ScalingStatus | undefined } | undefined {
    const { status } = this.#jobs.get(key) ?? {}
    return status === undefined ? object.status : { autoscaling: status }
  }

  /** Workers that a job is to have. */
  #wantedOf(object: SyncJobObject): number {
    const spec = specOf(object)
    return spec === null || isAtRest(object, spec)
      ? 0
      : workersOf(spec, this.#decidedOf(objectKey(object), object))
  }

  #asleepNow(object: SyncJobObject): ScalingStatus['asleep'] {
    const compiled = compileJob(object, this.#options.caches)
    const spec = isConfigError(compiled) ? '' : specHash(object, compiled)
    return { since: metaTime(this.#options.clock.nowMs()), spec }
  }

  #tell(
    object: SyncJobObject,
    { scaled, limits, acts, from }: { scaled: Scaled; limits: Limits; acts: boolean; from: number },
  ): void {
    const { clock, events, metrics, onDecision } = this.#options
    const decision = scaled.decision!
    const { reason, replicas } = decision
    const nowMs = clock.nowMs()
    const message = decisionText(decision, limits)
    const before = scaled.status
    const scales = replicas !== (acts ? from : (before?.desiredReplicas ?? from))
    scaled.status = statusOf(decision, message, {
      learned: scaled.state,
      lastScaleTime: acts && scales ? metaTime(nowMs) : before?.lastScaleTime,
      asleep: acts && replicas === 0 ? this.#asleepNow(object) : undefined,
      sourceUnseen: unseenOf(before, nowMs),
    })
    const key = objectKey(object)
    if (scales) {
      metrics.scalingDecisions.inc({ job: key, reason })
      const verb = acts ? 'Scaled' : 'Would scale'
      const note = `${verb} from ${from} to ${replicas} ${replicas === 1 ? 'worker' : 'workers'}. ${message}`
      events.record(object, { type: 'Normal', action: acts ? 'Scale' : 'DryRun', reason, note })
      onDecision(key)
    }
    if (limiting.has(reason)) this.#limit(object, scaled, { reason, message })
  }

  /** It is not free to have the number of workers that it needs. */
  #limit(
    object: SyncJobObject,
    scaled: Scaled,
    { reason, message }: { reason: ScalingReason; message: string },
  ): void {
    const { clock, events } = this.#options
    const nowMs = clock.nowMs()
    const isNew = scaled.limited?.reason !== reason || nowMs >= scaled.limited.untilMs
    scaled.limited = { reason, message, untilMs: nowMs + limitedHoldMs }
    if (isNew) events.record(object, { type: 'Warning', action: 'Scale', reason, note: message })
  }
}

function specOf(object: SyncJobObject): SyncJobSpec | null {
  const job = readResource('SyncJob', object)
  return isConfigError(job) ? null : job.spec
}

function scaledSpec(object: SyncJobObject): SyncJobSpec | null {
  const spec = specOf(object)
  return spec !== null && isScaled(spec) ? spec : null
}

/** It has no workers that could tell anything; when it has some again it goes on from its status. */
function isAtRest({ metadata, status }: SyncJobObject, { suspend }: SyncJobSpec): boolean {
  const isComplete = status?.conditions?.some(
    ({ type, status: holds }) => type === 'Complete' && holds === 'True',
  )
  return suspend || isComplete === true || metadata.deletionTimestamp !== undefined
}

/** Where there is one number only nothing has to be decided. */
function isScaled({ autoscaling: { mode, minReplicas, maxReplicas } }: SyncJobSpec): boolean {
  return mode !== 'Manual' && minReplicas < maxReplicas
}

/** The lanes of a pod are as many as its spec says: another number would be another pod. */
function limitsOf({ autoscaling, mode, worker: { lanes } }: SyncJobSpec, maySleep: boolean): Limits {
  const { minReplicas, maxReplicas, maxLag, idleAfter } = autoscaling
  // One that copies what is there ends by itself.
  const sleeps = maySleep && minReplicas === 0 && mode !== 'snapshot'
  return {
    minReplicas,
    maxReplicas,
    lanesMin: lanes,
    lanesMax: lanes,
    maxLagMs: parseDuration(maxLag),
    idleAfterMs: sleeps ? parseDuration(idleAfter) : null,
  }
}

function statusOf(
  { replicas, reason, numbers }: ScalingDecision,
  message: string,
  {
    learned,
    lastScaleTime,
    asleep,
    sourceUnseen,
  }: { learned: AutoscalingState | null } & Pick<ScalingStatus, 'lastScaleTime' | 'asleep' | 'sourceUnseen'>,
): ScalingStatus {
  const { inputPerSecond, forecastPerSecond, capacityPerLane, neededLanes, lagRecords, predictedLagMs } =
    numbers
  const memory = learned === null ? undefined : learnedOf(learned)
  const counts = { inputPerSecond, forecastPerSecond, capacityPerLane, lagRecords }
  return {
    desiredReplicas: replicas,
    reason,
    message,
    ...(lastScaleTime !== undefined && { lastScaleTime }),
    ...(asleep !== undefined && { asleep }),
    ...(sourceUnseen !== undefined && { sourceUnseen }),
    ...Object.fromEntries(
      Object.entries(counts).flatMap(([name, count]) => (count === null ? [] : [[name, coarse(count)]])),
    ),
    ...(neededLanes !== null && { neededLanes }),
    ...(predictedLagMs !== null && { predictedLag: coarseLag(predictedLagMs) }),
    ...(memory !== undefined && { learned: memory }),
  }
}

function limitedByUnseen(status: ScalingStatus | undefined, nowMs: number): Scaled['limited'] {
  const unseen = unseenOf(status, nowMs)
  return unseen
    ? { reason: 'SourceUnseen', message: unseen.message, untilMs: Date.parse(unseen.until) }
    : null
}

function limitedCondition({ reason, message }: NonNullable<Scaled['limited']>): Statement {
  return { type: 'ScalingLimited', status: 'True', reason, message }
}
