// Asks the source now and then how much lies between what is committed and the end of each split. It is for
// people, dashboards and autoscaling, so a source that does not answer is asked again later and nothing else happens.
import type { Clock } from '#common/clock.ts'
import { SyncError } from '#common/errors.ts'
import type { Position } from '#catalog/position.ts'
import type { Source, Split } from '#connectors/connector.ts'
import type { LaneLoad } from './lane-load.ts'
import type { FromLane } from './lane-protocol.ts'

const firstLookMs = 2_000

export interface BacklogOptions {
  source: Pick<Source, 'lag'>
  splits: readonly Split[]
  /** What the target holds of a split; null while it holds nothing. */
  committed(split: Split): Position | null
  intervalMs: number
  load: Pick<LaneLoad, 'sinceMs' | 'rowsOf'>
  clock: Clock
  report(message: FromLane): void
}

/** Runs until the signal aborts. */
export async function watchBacklog(options: BacklogOptions, signal: AbortSignal): Promise<void> {
  const { source, splits, clock, intervalMs, load } = options
  for (let looks = 0; ; looks++) {
    // How much comes in is known from the second look on.
    await clock.sleep(looks === 0 ? Math.min(intervalMs, firstLookMs) : intervalMs, signal)
    if (signal.aborted) return
    for (const split of splits) {
      if (signal.aborted) return
      const position = options.committed(split)
      if (position === null) continue
      try {
        const counted = { sinceMs: load.sinceMs, committedRows: load.rowsOf(split.id) }
        const lag = await source.lag(split, position, signal)
        options.report({ kind: 'backlog', split: split.id, ...counted, ...lag })
      } catch (error) {
        if (!(error instanceof SyncError) && !signal.aborted) throw error
      }
    }
  }
}
