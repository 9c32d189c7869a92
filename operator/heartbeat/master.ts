// The master of one term: answers heartbeats from what the caches hold. It begins when leadership does and ends with it, so
// that nothing of an earlier term is ever taken for true.
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import type { LimitedUnit } from '#api/source-limits.ts'
import { connectionsKept, limitedUnits, workerConnectionsMin } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import { limitsAt } from '#master/limits/limits-at.ts'
import { leaseWeights } from '#master/limits/lease-weights.ts'
import { SourceLeases } from '#master/limits/source-leases.ts'
import type { LimitState, LimitedKey } from '#master/limits/source-leases.ts'
import type { Caches } from '../caches.ts'
import { namespacedName } from '../kube/object.ts'
import { isConfigError } from '../resource-check.ts'
import type { Pod, SyncJobObject } from '../resources.ts'
import { compileJob } from '../sync-job/compile-job.ts'
import { jobIndexKey, jobLabel, shortName, workerName } from '../sync-job/names.ts'
import { isRunning, isWorker, sharesJob } from '../sync-job/observe.ts'
import { JobSplits } from './job-splits.ts'
import type { JobShares } from './job-splits.ts'
import type { PodIdentity } from './token-review.ts'

/** How long a worker may use what it was granted, and how much longer that counts here: some heartbeats. */
export const leaseTerms = { leaseMs: 10_000, graceMs: 2_000, floorShare: 0.2 }
/** How long a worker that has its job for itself may count on that. */
const validMs = 15_000
/** A pod that was deleted by force may live on for as long as its kubelet takes to end it. */
const lingerMs = 60_000
/** As many as a job may have. */
const lanesMax = 64
/** Who may have connections and is not known any more. */
const goneHolder = 'a worker that is gone'

export interface MasterOptions {
  caches: Caches
  clock: Clock
  /** Grows with every change of masters. */
  term: number
}

export class Master {
  readonly #options: MasterOptions
  readonly #leases: SourceLeases
  readonly #splits: JobSplits
  /** Workers whose pods are gone, by their holder's name, and since when. */
  readonly #gone = new Map<string, number>()

  constructor(options: MasterOptions) {
    this.#options = options
    const { caches, clock, term } = options
    this.#splits = new JobSplits(caches, { term, nowMs: clock.monotonicMs() })
    this.#leases = new SourceLeases({
      ...leaseTerms,
      sinceMs: clock.monotonicMs(),
      inherited: key => this.#readersOf(key),
    })
  }

  /** A text: why this pod may not say this; null: the request was overtaken, or a newer master leads. */
  answer(sender: PodIdentity, heartbeat: Heartbeat): HeartbeatAnswer | string | null {
    const pod = this.#options.caches.pods.get(namespacedName(sender.namespace, sender.pod))
    if (pod === undefined || pod.metadata.uid !== sender.podUid || !isWorker(pod))
      return `Pod ${sender.namespace}/${sender.pod} is no worker that is known here.`
    const refused = refusal(pod, sender, heartbeat)
    if (refused !== null) return refused
    this.#forgetGone()
    const answer = sharesJob(pod)
      ? this.#splits.heard(pod, heartbeat, this.#options.clock.monotonicMs())
      : this.#answerWhole(heartbeat)
    return answer && { ...answer, leases: this.#lease(sender, heartbeat) }
  }

  /** To be called every second or so. */
  tick(): void {
    this.#splits.tick(this.#options.clock.monotonicMs())
  }

  /** The pod was deleted. */
  podGone(pod: Pod): void {
    if (!isWorker(pod)) return
    this.#gone.set(holderOf(pod), this.#options.clock.monotonicMs())
    this.#splits.podGone(pod)
  }

  /** The job was deleted. */
  jobGone(job: SyncJobObject): void {
    this.#splits.jobGone(job)
  }

  /** Of jobs with more than one worker, by namespace and short name. */
  shares(): Map<string, JobShares> {
    return this.#splits.shares()
  }

  limits(): LimitState[] {
    return this.#leases.state(this.#options.clock.monotonicMs())
  }

  /** For a worker that reads all of its job. */
  #answerWhole({ number }: Heartbeat): Omit<HeartbeatAnswer, 'leases'> {
    return { term: this.#options.term, number, splits: null, validMs, plans: true, finished: [] }
  }

  #lease(sender: PodIdentity, { job, leases, startedAtMs }: Heartbeat): HeartbeatAnswer['leases'] {
    const { caches, clock } = this.#options
    if (leases.length === 0) return []
    const object = caches.syncJobs.get(namespacedName(job.namespace, job.name))
    if (object === undefined) return []
    const compiled = compileJob(object, caches)
    if (isConfigError(compiled) || compiled.plan.source.limits === undefined) return []
    const { source, priority } = compiled.plan
    const inForce = limitsAt(compiled.plan.source.limits, clock.nowMs())
    return leases.flatMap(({ id: unit, ...asked }) => {
      const limit = isUnit(unit) ? inForce[unit] : null
      if (!isUnit(unit) || limit === null) return []
      const key = { namespace: job.namespace, source: source.name, unit }
      const weight = leaseWeights[priority]
      const request = { ...asked, id: sender.podUid, process: startedAtMs, weight }
      const left = unit === 'connections' ? limit - connectionsKept : limit
      const lease = this.#leases.request(key, left, request, clock.monotonicMs())
      if (lease === null) return []
      const waits = unit === 'connections' && lease.rate < workerConnectionsMin
      return [{ ...lease, id: unit, ...(waits && { holders: this.#jobsThatHold(key) }) }]
    })
  }

  /** Who has what is given out, by the names of jobs. */
  #jobsThatHold(key: LimitedKey): NonNullable<HeartbeatAnswer['leases'][number]['holders']> {
    const { caches, clock } = this.#options
    const jobOf = new Map<string, string>()
    for (const job of caches.syncJobs.indexed('dataSource', namespacedName(key.namespace, key.source)))
      for (const pod of caches.pods.indexed('job', jobIndexKey(job)))
        jobOf.set(holderOf(pod), job.metadata.name)
    const held = Map.groupBy(
      this.#leases.holdersOf(key, clock.monotonicMs()),
      ({ id }) => jobOf.get(id) ?? goneHolder,
    )
    return [...held].map(([job, holders]) => {
      return { job, count: holders.reduce((sum, { rate }) => sum + rate, 0) }
    })
  }

  /**
   * All workers there are of jobs that read this source, and how many queries each may have sent, or connections made: one
   * from each lane, and of connections two more.
   */
  #readersOf({ namespace, source, unit }: LimitedKey): Map<string, number> {
    const { caches } = this.#options
    const readers = new Map<string, number>()
    const more = unit === 'connections' ? workerConnectionsMin - 1 : 0
    for (const job of caches.syncJobs.indexed('dataSource', namespacedName(namespace, source)))
      for (const pod of caches.pods.indexed('job', jobIndexKey(job)))
        if (isWorker(pod)) readers.set(holderOf(pod), isRunning(pod) ? this.#lanesOf(job) + more : 0)
    return readers
  }

  #lanesOf(job: SyncJobObject): number {
    const compiled = compileJob(job, this.#options.caches)
    return isConfigError(compiled) ? lanesMax : compiled.plan.worker.lanes
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

/** A worker speaks for the job whose pod it is, and for no other. */
function refusal({ metadata }: Pod, sender: PodIdentity, { job, worker }: Heartbeat): string | null {
  const isOurs =
    job.namespace === sender.namespace &&
    metadata.labels?.[jobLabel] === shortName(job.name) &&
    sender.serviceAccount === workerName(job.name)
  if (!isOurs) return `Pod ${sender.pod} does not work for ${job.namespace}/${job.name}.`
  return worker === sender.pod ? null : `Pod ${sender.pod} cannot speak for ${worker}.`
}

/** The uid: a name may be that of another pod later. */
function holderOf({ metadata }: Pod): string {
  return metadata.uid ?? metadata.name
}

function isUnit(text: string): text is LimitedUnit {
  return (limitedUnits as readonly string[]).includes(text)
}
