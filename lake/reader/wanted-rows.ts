// A lookup wants few of a file's rows. They are picked out as soon as a piece of the file is decoded, so that no
// more than one piece is ever held, however long the file and its logs are.
import type { BinaryVector } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import { DataError } from '#common/errors.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { KeyIndex } from './key-index.ts'

export const recordKeyField = '_hoodie_record_key'

export interface Rows {
  rows: number
  columns: readonly NamedVector[]
}

/** The rows whose key is wanted; null: all are. */
export function wantedRows(read: Rows, only: KeyIndex | null, path: string): Rows {
  if (only === null) return read
  const chosen = rowsOfKeys(keyColumn(read.columns, path), only)
  if (chosen.length === read.rows) return read
  return { rows: chosen.length, columns: pickRows(read.columns, chosen) }
}

export function rowsOfKeys(keys: BinaryVector, only: KeyIndex): Int32Array {
  const rows = new Int32Array(keys.length)
  let count = 0
  for (let row = 0; row < keys.length; row++) if (only.find(keys, row) !== -1) rows[count++] = row
  return rows.subarray(0, count)
}

export function pickRows(columns: readonly NamedVector[], rows: Int32Array): NamedVector[] {
  return columns.map(column => ({ ...column, vector: gather(column.vector, rows, rows.length) }))
}

/** The record keys among columns of a file. */
export function keyColumn(columns: readonly NamedVector[], path: string): BinaryVector {
  const vector = columns.find(({ name }) => name === recordKeyField)?.vector
  if (vector?.layout === 'binary') return vector
  throw new DataError('A file of the table has no record keys', {
    code: 'LAKE_FILE_CORRUPT',
    context: { path },
  })
}
