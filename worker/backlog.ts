// Asks the source now and then how much lies between what is committed and the end of each split. It is for
// people and dashboards only, so a source that does not answer is asked again later and nothing else happens.
import type { Clock } from '#common/clock.ts'
import { SyncError } from '#common/errors.ts'
import type { Position } from '#catalog/position.ts'
import type { Source, Split } from '#connectors/connector.ts'
import type { FromLane } from './lane-protocol.ts'

export interface BacklogOptions {
  source: Pick<Source, 'lag'>
  splits: readonly Split[]
  /** What the target holds of a split; null while it holds nothing. */
  committed(split: Split): Position | null
  intervalMs: number
  clock: Clock
  report(message: FromLane): void
}

/** Runs until the signal aborts. */
export async function watchBacklog(options: BacklogOptions, signal: AbortSignal): Promise<void> {
  const { source, splits, clock, intervalMs } = options
  for (;;) {
    await clock.sleep(intervalMs, signal)
    if (signal.aborted) return
    for (const split of splits) {
      if (signal.aborted) return
      const position = options.committed(split)
      if (position === null) continue
      try {
        options.report({ kind: 'backlog', split: split.id, ...(await source.lag(split, position, signal)) })
      } catch (error) {
        if (!(error instanceof SyncError) && !signal.aborted) throw error
      }
    }
  }
}
