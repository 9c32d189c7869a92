// What a worker reads of its job, and how that is called: pure.
import type { WorkerPhase } from '#api/worker-status.ts'
import type { Split } from '#connectors/connector.ts'
import type { AssignedSplits } from './assigned-splits.ts'
import type { GrantedTable } from './lane-protocol.ts'

/**
 * What the master gives it, as far as that can be read. It may go by the list of a planner with an older plan, or from
 * before a table was dropped.
 * @param found for the planner: what there is to read as it found it a moment ago, which the master may not have heard of
 */
export function shareOf(
  { reading }: Pick<AssignedSplits, 'reading'>,
  found: readonly Split[] | null,
  tables: readonly GrantedTable[],
): Split[] {
  const names = new Set(tables.map(({ source }) => source.name))
  const ids = new Set(reading.map(({ id }) => id))
  const given = found === null ? reading : found.filter(({ id }) => ids.has(id))
  return given.filter(split => split.tables.some(table => names.has(table)))
}

/**
 * Of a shared job one that others leave nothing to read is as well as they are; before the master has spoken, nobody knows.
 * @param assigned undefined: it has the job for itself
 */
export function phaseOf(
  splits: readonly Split[],
  assigned?: Pick<AssignedSplits, 'isAssigned'>,
): WorkerPhase {
  if (splits.some(split => !split.bounded)) return 'streaming'
  if (splits.length > 0) return 'snapshot'
  if (assigned === undefined) return 'stopped'
  return assigned.isAssigned ? 'streaming' : 'starting'
}
