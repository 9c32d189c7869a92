// Begins tables anew that a person asked to have read again (spec.resync). What was asked for last is kept with the
// positions of a table, under `resyncMark`: giving up the positions and noting the new id is one step of its journal, so
// it is done once, whoever does it and whenever they die. From then on the table looks like one that is still to be read.
import type { ResyncProgress } from '#api/worker-status.ts'
import type { Plan } from '#api/plan.ts'
import type { PositionMove, Positions } from '#catalog/position.ts'
import { resyncMark } from '#catalog/position.ts'
import { ConfigError, ConflictError, FencedError } from '#common/errors.ts'
import type { Source, SourcePlan, SourceTable, TableWriter } from '#connectors/connector.ts'
import { matchesGlob } from '#master/glob.ts'

export type Resync = NonNullable<Plan['resync']>

/** Commits of others, of a worker that does not know yet, that it may come after. */
const racesMax = 20

export function concerns({ tables }: Resync, table: string): boolean {
  return tables.some(pattern => matchesGlob(pattern, table))
}

/** The positions a source is told of. */
export function splitPositions(positions: Positions): Positions {
  if (!positions.has(resyncMark)) return positions
  return new Map([...positions].filter(([split]) => split !== resyncMark))
}

/** Whether the table was begun anew, and nothing of it has been planned yet. */
export function isBegunAnew(positions: Positions): boolean {
  return positions.size === 1 && positions.has(resyncMark)
}

/** The mark of a table that is new, so that there is nothing to begin anew; null when it has it. */
export function markMove({ id }: Resync, positions: Positions): PositionMove | null {
  const from = positions.get(resyncMark) ?? null
  return from === id ? null : { split: resyncMark, from, to: id }
}

/** Whether the table is to be begun anew. @throws ConfigError RESYNC_UNSUPPORTED that says why it cannot be */
export async function checkResync(
  { id }: Resync,
  { table, writer, source }: { table: SourceTable; writer: TableWriter; source: Pick<Source, 'checkResync'> },
  signal: AbortSignal,
): Promise<boolean> {
  const positions = writer.positions()
  if (positions.size === 0 || positions.get(resyncMark) === id) return false
  if (source.checkResync === undefined)
    throw unsupported(table.name, 'this type of source cannot tell which rows of the target it no longer has')
  if (isStartedOver(table)) {
    const refusal = writer.startOver === undefined ? 'the target keeps what it has' : writer.startOverRefusal
    if (typeof refusal === 'string')
      throw unsupported(table.name, `without a key it would have to be emptied, and ${refusal}`)
  }
  await source.checkResync(table, signal)
  return true
}

/** Nothing tells which row of it was read again: it is emptied first. */
function isStartedOver({ schema }: SourceTable): boolean {
  return schema.key.length === 0
}

/** Gives up the positions of a table whose last resync was for another reason. @throws ConfigError RESYNC_UNSUPPORTED */
export async function beginAnew(
  resync: Resync,
  of: { table: SourceTable; writer: TableWriter; source: Pick<Source, 'checkResync'> },
  signal: AbortSignal,
): Promise<void> {
  const { writer } = of
  for (let races = 0; await checkResync(resync, of, signal); races++)
    try {
      const moves = [...writer.positions()].map(([split, from]): PositionMove => ({ split, from, to: null }))
      const mark = markMove(resync, writer.positions())!
      const all = [...moves.filter(({ split }) => split !== resyncMark), mark]
      if (isStartedOver(of.table)) await writer.startOver!(all, signal)
      else await writer.commit(all, {}, signal)
    } catch (error) {
      const isRace = error instanceof FencedError || error instanceof ConflictError
      if (!isRace || races >= racesMax) throw error
      await writer.refresh(signal)
    }
}

/** A table is done when no bounded split of it is left to read, or still to be planned. */
export function resyncProgress(
  resync: Resync,
  tables: readonly string[],
  { splits, postponed = [] }: Pick<SourcePlan, 'splits' | 'postponed'>,
): ResyncProgress {
  const concerned = tables.filter(table => concerns(resync, table))
  const bounded = splits.filter(split => split.bounded)
  const open = new Set([...bounded.flatMap(split => split.tables), ...postponed])
  return { id: resync.id, tables: concerned.length, left: concerned.filter(table => open.has(table)) }
}

function unsupported(table: string, why: string): ConfigError {
  return new ConfigError(`${table} cannot be read again: ${why}; sync it to a new table of the target`, {
    code: 'RESYNC_UNSUPPORTED',
    context: { table },
  })
}
