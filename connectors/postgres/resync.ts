// A table that is read again into rows of an earlier reading: what must hold before, and what is left to do after.
import { columnBuilder } from '#catalog/column-builder.ts'
import { ConfigError, invariant } from '#common/errors.ts'
import type { SourceChunk, SourceTable, Split } from '../connector.ts'
import { currentPoint } from './exported-snapshot.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import { formatSnapshotPosition, logSplitId, sweepSplitId, sweptBefore } from './position.ts'
import type { Session } from './session.ts'

/** @throws ConfigError RESYNC_UNSUPPORTED */
export async function requireResyncable(session: Session, table: SourceTable): Promise<void> {
  const { name, mode, positions } = table
  if (mode === 'stream')
    throw unsupported(name, 'the mode of the job is stream, and what is in the table is not read in that')
  const foreign = [...positions.keys()].find(split => !isSplitOf(name, split))
  if (foreign !== undefined)
    throw unsupported(
      name,
      `another source writes to its table, too (${foreign}), whose rows would be swept away`,
    )
  const held = positions.get(logSplitId)
  if (held === undefined) return
  const now = await currentPoint(session)
  // Places in the log order the rows of a key for ever.
  if (now < parseLsn(held))
    throw unsupported(
      name,
      `the server's log is at ${formatLsn(now)} and the table at ${held}, so this is another server or an older copy, and its rows would lose to those there are: sync to a new table of the target`,
    )
}

function isSplitOf(table: string, split: string): boolean {
  return split === logSplitId || split === sweepSplitId(table) || split.startsWith(`snapshot/${table}/`)
}

function unsupported(table: string, why: string): ConfigError {
  return new ConfigError(`${table} cannot be read again: ${why}`, {
    code: 'RESYNC_UNSUPPORTED',
    context: { table },
  })
}

/** Tells that all is gone that is older than what was read now. Rows read now have the sequence `point` - 1. */
export function* sweepChunk({ id }: Split, { name, schema, positions }: SourceTable): Generator<SourceChunk> {
  const held = positions.get(id)
  invariant(held !== undefined, 'A sweep without a position', { split: id })
  const point = sweptBefore(held)
  if (point === null) return
  const columns = schema.columns.map(({ type }) => columnBuilder(type).finish())
  const batch = { schema, length: 0, columns, operations: null, sequences: new BigInt64Array(0) }
  yield {
    changes: [{ table: name, truncate: { sequence: point - 2n }, batch }],
    position: formatSnapshotPosition({ done: true, consistentPoint: point }),
    newestAtMs: null,
    caughtUp: true,
  }
}
