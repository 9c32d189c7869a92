// Values that a source left out because a change did not touch them (PostgreSQL's unchanged TOAST values). The
// table must end with the right ones: they come from an earlier change of the same key in the batch, else from
// what the table and the files staged for this commit hold. Pure: the caller does the looking up.
import { Operation } from '#catalog/change-batch.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'

/** Rows whose value stands elsewhere. */
export interface UnchangedRows {
  /** Per row: the row of the batch that has the value, or `missing`. */
  sources: Int32Array
  /** Rows that matter and whose value is nowhere in the batch. */
  missing: Int32Array
}

const missingSource = -1

export interface BatchRows {
  rows: number
  operations: Uint8Array | null
  superseded: Uint8Array | null
  previous: Int32Array | null
}

/** Where the left-out values of a column are, or null when the column has none. */
export function unchangedRows(column: ColumnVector, batch: BatchRows): UnchangedRows | null {
  const { unchanged } = column
  if (unchanged === null) return null
  const { rows, operations, superseded, previous } = batch
  const sources = new Int32Array(rows)
  const missing: number[] = []
  let any = false
  for (let row = 0; row < rows; row++) {
    sources[row] = row
    if (!bitAt(unchanged, row)) continue
    any = true
    const before = previous?.[row] ?? -1
    // Earlier rows were resolved on the way, so one step back is enough. After a delete there is nothing to keep.
    if (before !== -1) sources[row] = operations?.[before] === Operation.delete ? before : sources[before]!
    else sources[row] = missingSource
    const isWritten =
      !(superseded !== null && bitAt(superseded, row)) && operations?.[row] !== Operation.delete
    if (isWritten && sources[row] === missingSource) missing.push(row)
  }
  return any ? { sources, missing: Int32Array.from(missing) } : null
}

/** Values found for rows. */
export interface FoundValues {
  /** Per row asked for: its row in `values`, or −1 when the table has no such key. */
  at: Int32Array
  values: ColumnVector
}

/** The column with the left-out values in place. A row that was found nowhere stays null. */
export function fillUnchanged(
  column: ColumnVector,
  { sources, missing }: UnchangedRows,
  found: FoundValues | null,
): ColumnVector {
  const rows = sources.slice()
  for (let at = 0; at < missing.length; at++) {
    const hit = found === null ? -1 : found.at[at]!
    if (hit !== -1) rows[missing[at]!] = column.length + hit
  }
  for (let row = 0; row < rows.length; row++) if (rows[row] === missingSource) rows[row] = row
  const whole = found === null ? column : concatVectors([column, found.values])
  return { ...gather(whole, rows, rows.length), unchanged: null }
}
