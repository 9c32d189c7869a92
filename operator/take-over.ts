// What a new leader looks at first. It has to look at every job, since nobody knows what its predecessor left undone, but
// somebody waits for the few that changed while none led, or that are not well: those come before the thousands that
// only have to be confirmed.
import type { Clock } from '#common/clock.ts'
import { objectKey } from './kube/object.ts'
import type { Priority } from './kube/work-queue.ts'
import type { SyncJobObject } from './resources.ts'

/** Longer than a Lease lasts and a busy predecessor may have been behind. */
const lateMsMax = 60_000

/** Keys of what changed around a job of late, for one who stands by: nobody may have acted on that yet. */
export class LateChanges {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** In the order of their times. */
  readonly #atMs = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  note(key: string): void {
    this.#atMs.delete(key)
    this.#atMs.set(key, this.#clock.monotonicMs())
    this.#prune()
  }

  /** What was noted within the last minute, and forgets it. */
  take(): Set<string> {
    this.#prune()
    const keys = new Set(this.#atMs.keys())
    this.#atMs.clear()
    return keys
  }

  #prune(): void {
    const sinceMs = this.#clock.monotonicMs() - lateMsMax
    for (const [key, atMs] of this.#atMs) {
      if (atMs >= sinceMs) return
      this.#atMs.delete(key)
    }
  }
}

/** All jobs, in the order in which they are to be looked at. */
export function firstLooks(
  jobs: Iterable<SyncJobObject>,
  late: ReadonlySet<string>,
): { key: string; priority: Priority }[] {
  const ranks: [string[], string[], string[], string[]] = [[], [], [], []]
  for (const job of jobs) {
    const key = objectKey(job)
    ranks[rankOf(job, late.has(key))].push(key)
  }
  return ranks.flatMap((keys, rank) => keys.map(key => ({ key, priority: rank < 3 ? 'high' : 'low' })))
}

function rankOf({ metadata, status }: SyncJobObject, isLate: boolean): 0 | 1 | 2 | 3 {
  if (metadata.deletionTimestamp !== undefined || status?.observedGeneration !== metadata.generation) return 0
  if (isLate) return 1
  const condition = (name: string) => status?.conditions?.find(({ type }) => type === name)
  const [ready, rolledOut] = [condition('Ready'), condition('RolledOut')]
  const isWell = ready?.status === 'True' || ready?.reason === 'Suspended'
  return isWell && rolledOut?.status !== 'False' ? 3 : 2
}
