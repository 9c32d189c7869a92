// The master of one term: answers heartbeats from what the caches hold. It begins when leadership does and ends with it, so
// that nothing of an earlier term is ever taken for true.
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import type { LimitedUnit } from '#api/source-limits.ts'
import { limitedUnits } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import { limitsAt } from '#master/limits/limits-at.ts'
import { leaseWeights } from '#master/limits/lease-weights.ts'
import { SourceLeases } from '#master/limits/source-leases.ts'
import type { LimitState, LimitedKey } from '#master/limits/source-leases.ts'
import type { Caches } from '../caches.ts'
import { namespacedName } from '../kube/object.ts'
import { isConfigError } from '../resource-check.ts'
import type { Pod } from '../resources.ts'
import { compileJob } from '../sync-job/compile-job.ts'
import { jobIndexKey, jobLabel, shortName, workerName } from '../sync-job/names.ts'
import { isWorker } from '../sync-job/observe.ts'
import type { PodIdentity } from './token-review.ts'

/** How long a worker may use what it was granted, and how much longer that counts here: some heartbeats. */
export const leaseTerms = { leaseMs: 10_000, graceMs: 2_000, floorShare: 0.2 }
/** How long a worker goes on with what it holds before another may be given it; it holds all there is so far. */
const validMs = 15_000
/** A pod that was deleted by force may live on for as long as its kubelet takes to end it. */
const lingerMs = 60_000

export interface MasterOptions {
  caches: Caches
  clock: Clock
  /** Grows with every change of masters. */
  term: number
}

export class Master {
  readonly #options: MasterOptions
  readonly #leases: SourceLeases
  /** Workers whose pods are gone, by their holder's name, and since when. */
  readonly #gone = new Map<string, number>()

  constructor(options: MasterOptions) {
    this.#options = options
    this.#leases = new SourceLeases({
      ...leaseTerms,
      sinceMs: options.clock.monotonicMs(),
      inherited: key => this.#readersOf(key),
    })
  }

  /** A text: why this pod may not say this. */
  answer(sender: PodIdentity, heartbeat: Heartbeat): HeartbeatAnswer | string {
    const { term } = this.#options
    const refused = this.#refusal(sender, heartbeat)
    if (refused !== null) return refused
    this.#forgetGone()
    return {
      term,
      number: heartbeat.number,
      splits: null,
      validMs,
      plans: true,
      finished: [],
      leases: this.#lease(sender, heartbeat),
    }
  }

  /** The pod was deleted. */
  podGone(pod: Pod): void {
    if (isWorker(pod)) this.#gone.set(holderOf(pod), this.#options.clock.monotonicMs())
  }

  limits(): LimitState[] {
    return this.#leases.state(this.#options.clock.monotonicMs())
  }

  /** A worker speaks for the job whose pod it is, and for no other. */
  #refusal(sender: PodIdentity, { job, worker }: Heartbeat): string | null {
    const pod = this.#options.caches.pods.get(namespacedName(sender.namespace, sender.pod))
    if (pod === undefined || pod.metadata.uid !== sender.podUid || !isWorker(pod))
      return `Pod ${sender.namespace}/${sender.pod} is no worker that is known here.`
    const isOurs =
      job.namespace === sender.namespace &&
      pod.metadata.labels?.[jobLabel] === shortName(job.name) &&
      sender.serviceAccount === workerName(job.name)
    if (!isOurs) return `Pod ${sender.pod} does not work for ${job.namespace}/${job.name}.`
    return worker === sender.pod ? null : `Pod ${sender.pod} cannot speak for ${worker}.`
  }

  #lease(sender: PodIdentity, { job, leases }: Heartbeat): HeartbeatAnswer['leases'] {
    const { caches, clock } = this.#options
    if (leases.length === 0) return []
    const object = caches.syncJobs.get(namespacedName(job.namespace, job.name))
    if (object === undefined) return []
    const compiled = compileJob(object, caches)
    if (isConfigError(compiled) || compiled.plan.source.limits === undefined) return []
    const { source, priority } = compiled.plan
    const inForce = limitsAt(compiled.plan.source.limits, clock.nowMs())
    return leases.flatMap(({ id: unit, wanted, using }) => {
      const limit = isUnit(unit) ? inForce[unit] : null
      if (!isUnit(unit) || limit === null) return []
      const key = { namespace: job.namespace, source: source.name, unit }
      const request = { id: sender.podUid, weight: leaseWeights[priority], wanted, using }
      const lease = this.#leases.request(key, limit, request, clock.monotonicMs())
      return lease === null ? [] : [{ ...lease, id: unit }]
    })
  }

  /** All workers there are of jobs that read this source. */
  #readersOf({ namespace, source }: LimitedKey): string[] {
    const { caches } = this.#options
    const jobs = caches.syncJobs.indexed('dataSource', namespacedName(namespace, source))
    const pods = jobs.flatMap(job => caches.pods.indexed('job', jobIndexKey(job)))
    return pods.filter(isWorker).map(holderOf)
  }

  #forgetGone(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [holder, sinceMs] of this.#gone) {
      if (nowMs - sinceMs < lingerMs) continue
      this.#gone.delete(holder)
      this.#leases.forget(holder)
    }
  }
}

/** The uid: a name may be that of another pod later. */
function holderOf({ metadata }: Pod): string {
  return metadata.uid ?? metadata.name
}

function isUnit(text: string): text is LimitedUnit {
  return (limitedUnits as readonly string[]).includes(text)
}
