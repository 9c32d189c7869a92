// Which splits a worker may read now, by what it heard from the master (api/heartbeat.ts). It reads what it was given
// until it hears otherwise, however long that takes: a master that is away stops nobody. After a while without an
// answer it cannot know that it is the only one, so when the journal then refuses a commit, another has the split, and
// it lets go of it until the master gives it again.
//
// Pure: time comes with each call, by the worker's monotonic clock.
import type { Heartbeat, HeartbeatAnswer, HeldSplit, SplitSpec } from '#api/heartbeat.ts'

/** What a heartbeat says besides the splits held. */
export interface WorkerFacts extends Pick<
  Heartbeat,
  'job' | 'worker' | 'startedAtMs' | 'plan' | 'capacity' | 'planned' | 'lanes' | 'leases'
> {
  load: (split: string) => SplitLoad
}

export type SplitLoad = Pick<HeldSplit, 'lagMs' | 'lane' | 'measured'>

interface Held {
  split: SplitSpec
  draining: boolean
  /** Until then no other worker is given it. */
  leasedUntilMs: number
}

export class SplitLeases {
  readonly #held = new Map<string, Held>()
  /** Committed to their end, with the number of the request that first told of it; 0: none did yet. */
  readonly #finished = new Map<string, number>()
  #number = 0
  #askedAtMs = 0
  #term = 0
  #plans = false
  #leaving = false
  #finishedElsewhere: readonly string[] = []

  /** The next request; an answer to one before it is not taken any more. */
  ask(facts: WorkerFacts, nowMs: number): Heartbeat {
    const { load, ...rest } = facts
    this.#number++
    this.#askedAtMs = nowMs
    for (const [id, number] of this.#finished) if (number === 0) this.#finished.set(id, this.#number)
    return {
      ...rest,
      number: this.#number,
      term: this.#term,
      leaving: this.#leaving,
      held: [...this.#held].map(([id, { draining, leasedUntilMs }]) => {
        return { id, draining, leased: nowMs < leasedUntilMs, ...load(id) }
      }),
      finished: [...this.#finished.keys()],
      planned: this.#plans ? facts.planned : null,
    }
  }

  /** False: it is the answer to an older request, of a master of the past, or came too late to be true. */
  take(answer: Omit<HeartbeatAnswer, 'leases'>, nowMs: number): boolean {
    const validUntilMs = this.#askedAtMs + answer.validMs
    if (answer.number !== this.#number || answer.term < this.#term || validUntilMs <= nowMs) return false
    this.#term = answer.term
    this.#plans = answer.plans
    this.#finishedElsewhere = answer.finished
    if (answer.splits !== null) this.#follow(answer.splits)
    const given = new Set(answer.splits?.map(({ id }) => id))
    // A lease that ran out is another's, unless the master says that it is not.
    for (const [id, held] of this.#held)
      if (given.has(id) || nowMs < held.leasedUntilMs) held.leasedUntilMs = validUntilMs
    for (const [id, number] of this.#finished)
      if (number !== 0 && number <= answer.number) this.#finished.delete(id)
    return true
  }

  #follow(splits: readonly SplitSpec[]): void {
    const given = new Map(splits.map(split => [split.id, split]))
    for (const [id, held] of this.#held) if (!given.has(id)) held.draining = true
    if (this.#leaving) return
    for (const [id, split] of given) {
      const held = this.#held.get(id)
      // What it is draining is given again once that is done, what it has done was given before the master knew.
      if (held === undefined && !this.#finished.has(id)) {
        this.#held.set(id, { split, draining: false, leasedUntilMs: 0 })
      } else if (held?.draining === false) held.split = split
    }
  }

  /** To be read now. */
  get reading(): SplitSpec[] {
    return [...this.#held.values()].filter(({ draining }) => !draining).map(({ split }) => split)
  }

  /** No longer to be read; what was read of them is to be committed, and then `drained` called. */
  get draining(): SplitSpec[] {
    return [...this.#held.values()].filter(({ draining }) => draining).map(({ split }) => split)
  }

  /** Whether it is the worker that looks at the source for splits. */
  get plans(): boolean {
    return this.#plans
  }

  /** For the planner: splits that were committed to their end, here or elsewhere. */
  get finished(): readonly string[] {
    return [...this.#finishedElsewhere, ...this.#finished.keys()]
  }

  /** Whether no other worker has been given it. */
  isLeased(split: string, nowMs: number): boolean {
    return nowMs < (this.#held.get(split)?.leasedUntilMs ?? 0)
  }

  /** Nothing of it is read or committed by this worker any more. */
  drained(split: string): void {
    if (this.#held.get(split)?.draining) this.#held.delete(split)
  }

  /** A bounded split is committed to its end. */
  reachedEnd(split: string): void {
    if (this.#held.delete(split)) this.#finished.set(split, 0)
  }

  /** The journal refused a commit since another moved the split on. True: it is to be read no more. */
  fenced(split: string, nowMs: number): boolean {
    const held = this.#held.get(split)
    if (held === undefined) return true
    if (nowMs < held.leasedUntilMs && !held.draining) return false
    held.draining = true
    return true
  }

  /** The worker stops: everything is to be drained. */
  leave(): void {
    this.#leaving = true
    for (const held of this.#held.values()) held.draining = true
  }
}
