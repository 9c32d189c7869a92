// How many checks may run at once. After an upgrade every job has a check before its rollout; all together they would
// take the nodes' room and the sources' connections from the workers that they are to spare.
import type { Clock } from '#common/clock.ts'
import type { ObjectCache } from '../kube/object-cache.ts'
import { objectKey } from '../kube/object.ts'
import type { Job } from '../resources.ts'
import { jobOutcome } from './job-outcome.ts'
import { isCheck } from './observe.ts'

/** Of the cache of Jobs: checks that have not ended are found under this. */
export const runningChecks = 'runningChecks'

export function checkIndex(job: Job): string[] {
  return isCheck(job) && jobOutcome(job) === 'running' ? [runningChecks] : []
}

/** How long a check that was begun may take to be seen in the cache; one that was deleted at once never is. */
const unseenMsMax = 60_000

export class CheckTurns {
  readonly #max: number
  readonly #jobs: Pick<ObjectCache<Job>, 'get' | 'indexed'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** Begun and not in the cache yet: since when, by key. */
  readonly #unseen = new Map<string, number>()

  constructor(
    max: number,
    jobs: Pick<ObjectCache<Job>, 'get' | 'indexed'>,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.#max = max
    this.#jobs = jobs
    this.#clock = clock
  }

  /** Whether the check may begin now; then it counts from now on. */
  take(check: Job): boolean {
    const nowMs = this.#clock.monotonicMs()
    for (const [key, sinceMs] of this.#unseen)
      if (this.#jobs.get(key) !== undefined || nowMs - sinceMs > unseenMsMax) this.#unseen.delete(key)
    const key = objectKey(check)
    if (this.#unseen.has(key)) return true
    if (this.#jobs.indexed(runningChecks, runningChecks).length + this.#unseen.size >= this.#max) return false
    this.#unseen.set(key, nowMs)
    return true
  }

  /** It could not be begun. */
  giveBack(check: Job): void {
    this.#unseen.delete(objectKey(check))
  }
}
