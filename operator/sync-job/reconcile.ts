// One SyncJob, brought from what is to what should be. Level-based: each run looks at everything anew, so a lost
// event, a restart or a second run changes nothing. Errors go to the controller, which knows when to come back.
import type { Plan } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import type { ConfigError } from '#common/errors.ts'
import type { Condition } from '#api/resource.ts'
import type { SyncJobSpec, SyncJobStatus } from '#api/sync-job.ts'
import type { Caches } from '../caches.ts'
import { applyStatus } from '../kube/apply.ts'
import type { KubeClient } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import { holdFinalizer } from '../kube/finalizer.ts'
import { namespacedName, objectKey } from '../kube/object.ts'
import type { Requeue } from '../kube/work-queue.ts'
import { isConfigError } from '../resource-check.ts'
import { configMapType, syncJobType } from '../resources.ts'
import type { Job, NetworkPolicy, Pod, SyncJobObject } from '../resources.ts'
import { applyChildren, beginCheck } from './apply-children.ts'
import { buildCheckJob } from './check-job.ts'
import type { CheckTurns } from './check-turns.ts'
import { buildChildren } from './children.ts'
import type { Children } from './children.ts'
import { compileJob } from './compile-job.ts'
import type { CompiledJob } from './compile-job.ts'
import { buildCheckPolicy } from './network-policy.ts'
import { newsOf } from './news.ts'
import { isCheck, isComplete, isRunning, isWorker, planNameOf, readsWhole } from './observe.ts'
import { jobIndexKey, selectorOf, workerName } from './names.ts'
import type { Observed, ObservedScaling } from './readiness.ts'
import { decideRollout, waitForTurn } from './rollout.ts'
import type { RolloutFacts } from './rollout.ts'
import { isAsleep, isShared, requireMaster, workersOf } from './size.ts'
import type { SourceVisits } from './source-visits.ts'
import { countersIntervalMs, observedStatus, writeDue } from './status.ts'
import type { StatusContext } from './status.ts'
import { teardownFinalizer } from './teardown.ts'
import type { Teardown } from './teardown.ts'
import type { WorkerImage } from './worker-pod.ts'
import type { WorkerReports } from './worker-reports.ts'

export interface SyncJobContext {
  client: KubeClient
  caches: Caches
  events: EventRecorder
  clock: Clock
  worker: WorkerImage
  reports: WorkerReports
  teardown: Teardown
  /** What was decided about the number of a job's workers; undefined: it is not autoscaled. */
  scalingOf: (object: SyncJobObject) => ObservedScaling | undefined
  checkTurns: CheckTurns
  visits: SourceVisits
  /** How often running workers are asked for their status. */
  pollIntervalMs: number
}

interface Built {
  replicas: number
  children: Children
  check: Job
  checkPolicy: NetworkPolicy | null
}

const statusManager = 'sluice-status'

export class SyncJobReconciler {
  readonly #context: SyncJobContext
  readonly #built = new WeakMap<CompiledJob, Built>()
  /** When the status of a job was last written, or is taken to have been, by its uid. */
  readonly #writtenAtMs = new Map<string, number>()

  constructor(context: SyncJobContext) {
    this.#context = context
  }

  async reconcile(key: string): Promise<Requeue> {
    const { caches, client, teardown } = this.#context
    const object = caches.syncJobs.get(key)
    // Gone: what it owned is collected by its owner references.
    if (object === undefined) return { afterMs: null }
    if (object.metadata.deletionTimestamp !== undefined) {
      this.#writtenAtMs.delete(object.metadata.uid ?? '')
      // Somebody else's finalizer is not ours to wait for.
      if (!object.metadata.finalizers?.includes(teardownFinalizer)) return { afterMs: null }
      return teardown.step(object)
    }

    const compiled = compileJob(object, caches)
    // Workers of the last valid spec go on: a typo must not stop a sync.
    if (isConfigError(compiled)) return this.#refuse(object, compiled)

    // Before the first child: whatever comes to be at the source will be torn down.
    await holdFinalizer(client, syncJobType, object, teardownFinalizer)
    try {
      return await this.#run(object, compiled)
    } catch (error) {
      if (isConfigError(error)) await this.#refuse(object, error)
      throw error
    }
  }

  async #run(object: SyncJobObject, compiled: CompiledJob): Promise<Requeue> {
    const { caches, client } = this.#context
    const { job, plan } = compiled
    requireMaster(job.spec, this.#context.worker.masterUrl)
    const pods = this.#workerPods(object)
    const complete = plan.mode === 'snapshot' ? isComplete(object, plan, pods) : null
    const isAtRest = job.spec.suspend || complete === true
    // The first worker that shares the job waits for the one that had it for itself, and the others for that: Kubernetes
    // would make more of the former kind before it replaces them.
    const most = isShared(job.spec) && pods.some(readsWhole) ? 1 : Infinity
    const replicas = isAtRest ? 0 : Math.min(workersOf(job.spec, object.status), most)
    const built = this.#build(compiled, replicas)
    const { children } = built
    const facts = this.#rolloutFacts(object, built)
    const wanted = decideRollout(facts)
    const hasTurn = wanted.step !== 'check' || this.#takeTurn(plan, built.check)
    const rollout = hasTurn ? wanted : waitForTurn(wanted)
    if (rollout.step === 'apply') await applyChildren(client, caches, object, children)
    if (rollout.step === 'check') await this.#beginCheck(object, built)

    const asleep = isAsleep(job.spec, object.status) ? asleepText(job.spec) : null
    const { suspend: suspended } = job.spec
    const known = { refusal: null, complete, suspended, asleep, rolledOut: rollout.condition }
    const written = await this.#report(object, known)
    const plans = [children.plan.metadata.name, facts.live && planNameOf(facts.live.spec.template)]
    await this.#dropOldPlans(object, plans)
    return this.#nextLook(written && hasTurn, pods)
  }

  /** Of all checks, and of those that reach the same source. */
  #takeTurn(plan: Plan, check: Job): boolean {
    const { checkTurns, visits } = this.#context
    if (!visits.take(plan, check)) return false
    if (checkTurns.take(check)) return true
    visits.giveBack(check)
    return false
  }

  async #beginCheck(
    object: SyncJobObject,
    { children: { plan }, check, checkPolicy: policy }: Built,
  ): Promise<void> {
    const { client, caches, checkTurns, visits } = this.#context
    try {
      await beginCheck(client, caches, object, { plan, check, policy })
    } catch (error) {
      checkTurns.giveBack(check)
      visits.giveBack(check)
      throw error
    }
  }

  #rolloutFacts(object: SyncJobObject, { children, check }: Built): RolloutFacts {
    const { caches } = this.#context
    const { deployment } = children
    const condition = (type: string) => object.status?.conditions?.find(one => one.type === type)
    const told = condition('RolledOut')
    return {
      desired: deployment,
      live: caches.deployments.get(objectKey(deployment)),
      workers: this.#workerPods(object),
      mayWork: mayWork(condition('Ready')),
      check: caches.jobs.get(objectKey(check)),
      checkPods: caches.pods.indexed('job', jobIndexKey(object)).filter(isCheck),
      told: told?.observedGeneration === object.metadata.generation ? told : undefined,
      wasRolledOut: told?.status === 'True',
    }
  }

  /** A compiled job that is the same object as last time has the same children, and the same check before them. */
  #build(compiled: CompiledJob, replicas: number): Built {
    const known = this.#built.get(compiled)
    if (known?.replicas === replicas) return known
    const { job, plan } = compiled
    const { worker } = this.#context
    const children = buildChildren(job, plan, worker, replicas)
    const check = buildCheckJob(job, plan, { worker, planMapName: children.plan.metadata.name })
    const around = worker.networkPolicy ?? null
    const checkPolicy = around && buildCheckPolicy(job, plan, around)
    const built = { replicas, children, check, checkPolicy }
    this.#built.set(compiled, built)
    return built
  }

  /** Changes bring a job back by themselves; only what a running worker says has to be asked for. */
  #nextLook(written: boolean, pods: readonly Pod[]): Requeue {
    return { afterMs: written && !pods.some(isRunning) ? null : this.#context.pollIntervalMs }
  }

  async #refuse(object: SyncJobObject, { code, message }: ConfigError): Promise<Requeue> {
    const refusal = { reason: code, message }
    const refused = { refusal, complete: null, suspended: false, asleep: null, rolledOut: null }
    const written = await this.#report(object, refused)
    return this.#nextLook(written, this.#workerPods(object))
  }

  /** Writes what is observed now. False when the write waits for its turn. */
  async #report(
    object: SyncJobObject,
    known: Pick<Observed, 'refusal' | 'complete' | 'suspended' | 'asleep' | 'rolledOut'>,
  ): Promise<boolean> {
    const { caches, reports } = this.#context
    const { namespace, name } = object.metadata
    const pods = this.#workerPods(object)
    const observed: Observed = {
      ...known,
      scaling: this.#context.scalingOf(object),
      deployment: caches.deployments.get(namespacedName(namespace, workerName(name))),
      pods,
      reports: await reports.of(pods),
    }
    const next = observedStatus(observed, object.status, this.#statusContext(object))
    return this.#writeStatus(object, next)
  }

  /** False when the write waits for its turn. */
  async #writeStatus(object: SyncJobObject, status: SyncJobStatus): Promise<boolean> {
    const { client, clock } = this.#context
    const { name, namespace, uid = '' } = object.metadata
    const nowMs = clock.monotonicMs()
    const due = writeDue(object.status, status, nowMs - this.#lastWriteMs(uid, nowMs))
    if (due !== 'now') return due === 'never'
    const { apiVersion, kind } = syncJobType
    const body = { apiVersion, kind, metadata: { name, namespace, uid }, status }
    await applyStatus(client, syncJobType, body, { fieldManager: statusManager })
    this.#writtenAtMs.set(uid, nowMs)
    this.#announce(object, status)
    return true
  }

  /** What an earlier leader wrote last is taken for any time of the last minute: not all counters are due at once then. */
  #lastWriteMs(uid: string, nowMs: number): number {
    const known = this.#writtenAtMs.get(uid)
    if (known !== undefined) return known
    const guessedMs = nowMs - this.#context.clock.random() * countersIntervalMs
    this.#writtenAtMs.set(uid, guessedMs)
    return guessedMs
  }

  /** An event for every turn that Ready takes, and for a rollout that is held, so that `kubectl describe` tells the story. */
  #announce(object: SyncJobObject, status: SyncJobStatus): void {
    for (const { type, status: holds, reason, message } of newsOf(object.status, status)) {
      const fine = type === 'Ready' && (holds === 'True' || quietReasons.has(reason))
      const action = type === 'Ready' ? 'Reconcile' : 'RollOut'
      this.#context.events.record(object, {
        type: fine ? 'Normal' : 'Warning',
        action,
        reason,
        note: message,
      })
    }
  }

  #statusContext({ metadata, spec }: SyncJobObject): StatusContext {
    const selector = Object.entries(selectorOf(metadata.name, 'worker')).map(pair => pair.join('='))
    return {
      generation: metadata.generation ?? 0,
      nowMs: this.#context.clock.nowMs(),
      selector: selector.join(','),
      resync: (spec as Partial<SyncJobSpec> | undefined)?.resync,
    }
  }

  #workerPods(object: SyncJobObject): Pod[] {
    return this.#context.caches.pods.indexed('job', jobIndexKey(object)).filter(isWorker)
  }

  /** Deletes plans that no pod was started with, except these. */
  async #dropOldPlans(object: SyncJobObject, kept: readonly (string | undefined)[]): Promise<void> {
    const { caches, client } = this.#context
    const key = jobIndexKey(object)
    const used = new Set([...kept, ...caches.pods.indexed('job', key).map(planNameOf)])
    for (const { metadata } of caches.configMaps.indexed('job', key))
      if (!used.has(metadata.name)) await client.delete(configMapType, metadata)
  }
}

/** Without a word on when, so that it stays the same. */
function asleepText({ autoscaling: { idleAfter, probeInterval } }: SyncJobSpec): string {
  return `Nothing came in for ${idleAfter} or longer and all is in the target, so no worker runs; the source is looked at about every ${probeInterval}.`
}

function mayWork(ready: Condition | undefined): boolean {
  return ready !== undefined && (ready.status === 'True' || quietReasons.has(ready.reason))
}

const quietReasons = new Set(['WorkerStarting', 'WorkerStopping', 'Suspended'])
