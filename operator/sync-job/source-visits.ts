// Pods that check, probe or tear down a job reach its source beside the workers. Where the source has a limit of
// connections, one is kept for each of these kinds (connectionsKept), so those of one kind take turns at it.
import type { Plan } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import type { Caches } from '../caches.ts'
import { namespacedName, objectKey } from '../kube/object.ts'
import type { Job } from '../resources.ts'
import { jobOutcome } from './job-outcome.ts'
import { componentLabel, jobIndexKey } from './names.ts'

/** How long one that was begun may take to be seen in the cache; one that was deleted at once never is. */
const unseenMsMax = 60_000

interface Unseen {
  turn: string
  sinceMs: number
}

export class SourceVisits {
  readonly #caches: Pick<Caches, 'syncJobs' | 'jobs'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** Begun and not in the cache yet, by key. */
  readonly #unseen = new Map<string, Unseen>()

  constructor(caches: Pick<Caches, 'syncJobs' | 'jobs'>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#caches = caches
    this.#clock = clock
  }

  /** Whether the pod may begin now; then it has the turn of its kind until it has ended. */
  take({ job, source }: Plan, visit: Job): boolean {
    if ((source.limits?.connections ?? null) === null) return true
    const nowMs = this.#clock.monotonicMs()
    for (const [key, { sinceMs }] of this.#unseen)
      if (this.#caches.jobs.get(key) !== undefined || nowMs - sinceMs > unseenMsMax) this.#unseen.delete(key)
    const key = objectKey(visit)
    const turn = `${componentOf(visit)} ${namespacedName(job.namespace, source.name)}`
    if ([...this.#unseen].some(([other, unseen]) => unseen.turn === turn && other !== key)) return false
    const running = this.#caches.syncJobs
      .indexed('dataSource', namespacedName(job.namespace, source.name))
      .flatMap(object => this.#caches.jobs.indexed('job', jobIndexKey(object)))
      .filter(other => componentOf(other) === componentOf(visit) && jobOutcome(other) === 'running')
    if (running.some(other => objectKey(other) !== key)) return false
    if (running.length === 0) this.#unseen.set(key, { turn, sinceMs: nowMs })
    return true
  }

  /** It could not be begun. */
  giveBack(visit: Job): void {
    this.#unseen.delete(objectKey(visit))
  }
}

function componentOf({ metadata }: Job): string {
  return metadata.labels?.[componentLabel] ?? ''
}
