// The splits of a worker that shares its job with others, between the two that need to know: the Job, which reads and
// drains them, and whoever carries heartbeats to the master and back.
import type { Heartbeat, HeartbeatAnswer, LaneLoadReport, SplitSpec } from '#api/heartbeat.ts'
import type { Clock } from '#common/clock.ts'
import type { SplitLoad } from './split-leases.ts'
import { SplitLeases } from './split-leases.ts'

export type AssignedFacts = Pick<Heartbeat, 'job' | 'worker' | 'startedAtMs' | 'plan' | 'capacity'>

export class AssignedSplits {
  readonly #facts: AssignedFacts
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #leases = new SplitLeases()
  #planned: readonly SplitSpec[] | null = null
  #isAssigned = false
  /** The Job hears here that it is to read, drain or plan something else. */
  onChange: () => void = () => undefined
  /** The Job, as the planner, hears here that others have read splits to their end. */
  onFinished: () => void = () => undefined
  /** The Job hears here why it is not told what to read. */
  onMissed: (error: unknown) => void = () => undefined
  /** The carrier hears here that the master should be told at once. */
  onNews: () => void = () => undefined
  /** What is known of a split that is held, and of the lanes. */
  load: (split: string) => SplitLoad = () => ({ lagMs: null })
  lanes: () => LaneLoadReport[] = () => []
  /** It can read nothing yet, and is to be given nothing. */
  standsBy: () => boolean = () => false

  constructor(facts: AssignedFacts, clock: Pick<Clock, 'monotonicMs'>) {
    this.#facts = facts
    this.#clock = clock
  }

  /** The next heartbeat. */
  ask(leases: Heartbeat['leases']): Heartbeat {
    const planned = this.#planned === null ? null : [...this.#planned]
    const facts = { ...this.#facts, planned, leases, load: this.load, lanes: this.lanes() }
    const heartbeat = this.#leases.ask(facts, this.#clock.monotonicMs())
    return this.standsBy() ? { ...heartbeat, leaving: true } : heartbeat
  }

  take(answer: HeartbeatAnswer): boolean {
    const [before, finished] = [this.#text(), this.finished.join()]
    const taken = this.#leases.take(answer, this.#clock.monotonicMs())
    if (taken && answer.splits !== null) this.#isAssigned = true
    if (this.#text() !== before) this.onChange()
    else if (this.finished.join() !== finished) this.onFinished()
    return taken
  }

  #text(): string {
    const { reading, draining, plans } = this.#leases
    return JSON.stringify([this.#isAssigned, reading, draining.map(({ id }) => id), plans])
  }

  /** No master answered. Once it has said what to read, that is nothing to worry about. */
  missed(error: unknown): void {
    if (!this.#isAssigned) this.onMissed(error)
  }

  /** Whether the master has said what to read, if only that it is nothing. */
  get isAssigned(): boolean {
    return this.#isAssigned
  }
  get reading(): readonly SplitSpec[] {
    return this.#leases.reading
  }
  get draining(): readonly SplitSpec[] {
    return this.#leases.draining
  }
  get plans(): boolean {
    return this.#leases.plans
  }
  /** Splits of the planner's list that were read to their end, here or elsewhere. */
  get finished(): readonly string[] {
    return this.#leases.finished
  }

  /** What there is to read, as this worker found it. */
  found(splits: readonly SplitSpec[]): void {
    const isNew = JSON.stringify(splits) !== JSON.stringify(this.#planned)
    this.#planned = splits
    if (isNew) this.onNews()
  }

  /** Those that are to be drained and are not held any more. */
  drainedUnless(isHeld: (split: string) => boolean): void {
    const drained = this.#leases.draining.filter(({ id }) => !isHeld(id))
    for (const { id } of drained) this.#leases.drained(id)
    if (drained.length > 0) this.onNews()
  }

  reachedEnd(split: string): void {
    this.#leases.reachedEnd(split)
    this.onNews()
  }

  /** Of the splits of a commit that the journal refused, those that may be another's are to be drained. */
  fenced(splits: readonly string[]): void {
    const before = this.#leases.draining.length
    for (const split of splits) this.#leases.fenced(split, this.#clock.monotonicMs())
    if (this.#leases.draining.length !== before) this.onChange()
  }

  leave(): void {
    this.#leases.leave()
    this.onNews()
  }
}
