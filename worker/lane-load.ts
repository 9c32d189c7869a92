// How much of its time a lane works, and how much it waits for the target: what autoscaling learns a lane's capacity
// from. Looked at twice a second and told every 15 seconds; nothing is counted by row.
import type { Clock } from '#common/clock.ts'
import type { FromLane } from './lane-protocol.ts'

const lookIntervalMs = 500
export const loadIntervalMs = 15_000
/** A split that had not all that its source has for so long is behind, and did not just wait for its next chunk. */
const behindAfterMs = 2_000

export interface LaneLoadOptions {
  clock: Clock
  /** How long the lane's thread has been at work since it began, ms. */
  activeMs: () => number
  /** Whether readers wait for what was read to be written. */
  isPressed: () => boolean
  report: (message: FromLane) => void
}

export class LaneLoad {
  readonly #options: LaneLoadOptions
  readonly #sinceMs: number
  /** By split, since when it has not been caught up; null: it is. */
  readonly #behindSinceMs = new Map<string, number | null>()
  readonly #rows = new Map<string, number>()
  #totalRows = 0

  constructor(options: LaneLoadOptions) {
    this.#options = options
    this.#sinceMs = options.clock.monotonicMs()
  }

  /** By the monotonic clock: it tells one session's counts from another's. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  /** A chunk of the split was read. */
  read(split: string, caughtUp: boolean): void {
    const sinceMs = this.#behindSinceMs.get(split) ?? this.#options.clock.monotonicMs()
    this.#behindSinceMs.set(split, caughtUp ? null : sinceMs)
  }

  /** A bounded split is at its end. */
  ended(split: string): void {
    this.#behindSinceMs.delete(split)
  }

  committed(rows: ReadonlyMap<string, number>): void {
    for (const [split, count] of rows) {
      this.#rows.set(split, this.rowsOf(split) + count)
      this.#totalRows += count
    }
  }

  /** Rows of the split that were committed since the session began. */
  rowsOf(split: string): number {
    return this.#rows.get(split) ?? 0
  }

  /** Reports until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, activeMs, report } = this.#options
    while (!signal.aborted) {
      const [beganMs, active, rows] = [clock.monotonicMs(), activeMs(), this.#totalRows]
      const { behind, pressed } = await this.#look(beganMs + loadIntervalMs, signal)
      const overMs = clock.monotonicMs() - beganMs
      if (signal.aborted || overMs <= 0) return
      const activeShare = Math.min(1, (activeMs() - active) / overMs)
      // Who waits for room while the thread has nothing to do waits for the target.
      const blockedShare = pressed * (1 - activeShare)
      // A lane that is behind works as fast as it can, also while its thread waits for an answer of the source.
      const busyShare = Math.min(1, Math.max(activeShare, behind - blockedShare))
      const done = this.#totalRows - rows
      report({ kind: 'load', sinceMs: this.#sinceMs, overMs, rows: done, busyShare, blockedShare })
    }
  }

  /** The parts of the looks at which some split was behind, and readers waited for room. */
  async #look(untilMs: number, signal: AbortSignal): Promise<{ behind: number; pressed: number }> {
    const { clock, isPressed } = this.#options
    let [looks, behind, pressed] = [0, 0, 0]
    while (clock.monotonicMs() < untilMs && !signal.aborted) {
      await clock.sleep(lookIntervalMs, signal)
      looks++
      if (this.#isBehind(clock.monotonicMs())) behind++
      if (isPressed()) pressed++
    }
    return { behind: behind / Math.max(1, looks), pressed: pressed / Math.max(1, looks) }
  }

  #isBehind(nowMs: number): boolean {
    for (const sinceMs of this.#behindSinceMs.values())
      if (sinceMs !== null && nowMs - sinceMs >= behindAfterMs) return true
    return false
  }
}
