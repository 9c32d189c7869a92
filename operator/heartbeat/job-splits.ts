// Which worker reads which split, of the jobs whose workers share them: an assignment for each, as long as the master's
// term. Of the cluster it adds what heartbeats do not say: who was there when the term began, whose pod is gone,
// and which plan the workers should have.
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import { SplitAssignment, assignmentTerms } from '#master/assignment/split-assignment.ts'
import type { MoveReason } from '#master/assignment/split-assignment.ts'
import type { Caches } from '../caches.ts'
import { namespacedName } from '../kube/object.ts'
import type { Pod, SyncJobObject } from '../resources.ts'
import { jobIndexKey, jobKeyOf, workerName } from '../sync-job/names.ts'
import { isWorker, planNameOf, readsWhole, sharesJob } from '../sync-job/observe.ts'

/** How a job is shared now. */
export interface JobShares {
  /** Splits that each worker may be reading. */
  workers: ReadonlyMap<string, number>
  /** Splits that nobody reads. */
  unread: number
  /** Splits that went to another worker in this term. */
  moved: Readonly<Record<MoveReason, number>>
}

export class JobSplits {
  readonly #caches: Caches
  readonly #term: number
  readonly #sinceMs: number
  /** By namespace and short name. */
  readonly #jobs = new Map<string, SplitAssignment>()

  constructor(caches: Caches, { term, nowMs }: { term: number; nowMs: number }) {
    this.#caches = caches
    this.#term = term
    this.#sinceMs = nowMs
    const sharing = [...caches.pods.values()].filter(pod => isWorker(pod) && sharesJob(pod))
    for (const [key, pods] of Map.groupBy(sharing, pod => jobKeyOf(pod)[0]!))
      this.#begin(
        key,
        pods.map(({ metadata }) => metadata.name),
      )
  }

  /** What the worker in this pod is to read. Null: the request was overtaken, or a newer master leads. */
  heard(pod: Pod, heartbeat: Heartbeat, nowMs: number): Omit<HeartbeatAnswer, 'leases'> | null {
    const key = jobKeyOf(pod)[0]!
    const assignment = this.#jobs.get(key) ?? this.#begin(key, [])
    const plan = this.#planOf(heartbeat.job)
    if (plan !== undefined) assignment.follow(plan)
    // A worker knows its plan, and not under which name it was mounted.
    const answer = assignment.heard({ ...heartbeat, plan: planNameOf(pod) ?? '' }, nowMs)
    if (answer === null || !this.#caches.pods.indexed('job', key).some(readsWhole)) return answer
    // It stands by until the worker that had the job for itself has ended.
    return { ...answer, splits: [], plans: false, finished: [] }
  }

  podGone(pod: Pod): void {
    for (const key of jobKeyOf(pod)) {
      this.#jobs.get(key)?.forget(pod.metadata.name)
      // Nobody reads anything, and what there is to read when there are workers again only these can say.
      if (!this.#caches.pods.indexed('job', key).some(isWorker)) this.#jobs.delete(key)
    }
  }

  jobGone(job: SyncJobObject): void {
    this.#jobs.delete(jobIndexKey(job))
  }

  /** To be called every second or so. */
  tick(nowMs: number): void {
    for (const assignment of this.#jobs.values()) assignment.tick(nowMs)
  }

  /** By namespace and short name of the job. */
  shares(): Map<string, JobShares> {
    return new Map(
      [...this.#jobs].map(([key, { shares, unread, moved }]) => [key, { workers: shares, unread, moved }]),
    )
  }

  #begin(key: string, workers: readonly string[]): SplitAssignment {
    const start = { term: this.#term, sinceMs: this.#sinceMs, workers }
    const assignment = new SplitAssignment(assignmentTerms, start)
    this.#jobs.set(key, assignment)
    return assignment
  }

  /** Name of the plan that the Deployment's new pods have. */
  #planOf({ namespace, name }: Heartbeat['job']): string | undefined {
    const live = this.#caches.deployments.get(namespacedName(namespace, workerName(name)))
    return live && planNameOf(live.spec.template)
  }
}
