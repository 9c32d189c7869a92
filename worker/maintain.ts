// Table services of a lane: one table after the other, now and then, beside the reading and committing of the session.
// What fails here is tried again later; it never stops a sync.
import type { Clock } from '#common/clock.ts'
import { isAbort } from '#common/errors.ts'
import type { MaintenanceWork, TableWriter } from '#connectors/connector.ts'

export interface Maintenance {
  tables: readonly { name: string; writer: Pick<TableWriter, 'maintain'> }[]
  /** Mean time between two rounds; each differs, so that the lanes of a job do not all come at once. */
  intervalMs: number
  clock: Clock
  onFailure: (table: string, error: unknown) => void
  onWork?: (table: string, work: MaintenanceWork) => void
  /** Before the first round, of each table that has services. */
  onBegin?: (table: string) => void
  /** A round over a table that ended well; not when another worker had just made one. */
  onRound?: (table: string) => void
}

/** Goes on until the signal aborts. */
export async function maintainTables(maintenance: Maintenance, signal: AbortSignal): Promise<void> {
  const { tables, intervalMs, clock, onFailure, onWork, onBegin, onRound } = maintenance
  if (tables.every(({ writer }) => writer.maintain === undefined)) return
  for (const { name, writer } of tables) if (writer.maintain !== undefined) onBegin?.(name)
  for (;;) {
    await clock.sleep(intervalMs * (0.5 + clock.random()), signal)
    for (const { name, writer } of tables) {
      if (signal.aborted) return
      try {
        if ((await writer.maintain?.(signal, work => onWork?.(name, work))) === true) onRound?.(name)
      } catch (error) {
        if (signal.aborted || isAbort(error)) return
        onFailure(name, error)
      }
    }
  }
}
