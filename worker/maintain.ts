// Table services of a lane: one table after the other, now and then, beside the reading and committing of the session.
// What fails here is tried again later; it never stops a sync.
import type { Clock } from '#common/clock.ts'
import { isAbort } from '#common/errors.ts'
import type { TableWriter } from '#connectors/connector.ts'

export interface Maintenance {
  tables: readonly { name: string; writer: Pick<TableWriter, 'maintain'> }[]
  /** Mean time between two rounds; each differs, so that the lanes of a job do not all come at once. */
  intervalMs: number
  clock: Clock
  onFailure: (table: string, error: unknown) => void
}

/** Goes on until the signal aborts. */
export async function maintainTables(
  { tables, intervalMs, clock, onFailure }: Maintenance,
  signal: AbortSignal,
): Promise<void> {
  if (tables.every(({ writer }) => writer.maintain === undefined)) return
  for (;;) {
    await clock.sleep(intervalMs * (0.5 + clock.random()), signal)
    for (const { name, writer } of tables) {
      if (signal.aborted) return
      try {
        await writer.maintain?.(signal)
      } catch (error) {
        if (signal.aborted || isAbort(error)) return
        onFailure(name, error)
      }
    }
  }
}
