// Reads one file slice: the base file in pieces, with the rows its logs changed or deleted left out, then the
// rows the logs brought. Memory is bounded however long base file and logs are (base-rows.ts, slice-merge.ts).
import { vectorBytes } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import type { Column } from '#catalog/types.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { baseRows } from './base-rows.ts'
import { conform } from './conform.ts'
import type { FileSlice } from './file-slice.ts'
import type { MergeQuery } from './slice-merge.ts'
import { mergeColumns, mergeLogs } from './slice-merge.ts'
import type { Rows } from './wanted-rows.ts'
import { recordKeyField, wantedRows } from './wanted-rows.ts'

/** Of rows that are picked out of larger pieces. */
const batchBytes = 8 << 20

export interface RowBatch {
  rows: number
  /** The columns asked for, in that order. */
  columns: readonly NamedVector[]
}

export interface SliceQuery extends Omit<MergeQuery, 'names'> {
  /** Columns to read, meta fields among them if wanted. */
  columns: readonly Column[]
}

/** With `pause` awaited between pieces of work, for a reader that shares its thread with something more urgent. */
export async function* readSlice(slice: FileSlice, query: SliceQuery): AsyncGenerator<RowBatch> {
  const { columns, only, pause } = query
  const wanted = columns.map(({ name }) => name)
  const merge = slice.logs.length === 0 ? null : await mergeLogs(slice, { ...query, names: wanted })
  if (slice.base !== null) {
    const { path } = slice.base
    let firstRow = 0
    for await (const piece of baseRows(slice.base, query, neededColumns(slice, query))) {
      await pause?.()
      const read = wantedRows(piece, only, path)
      const kept = merge === null ? null : merge.survivors(read, firstRow)
      firstRow += piece.rows
      await pause?.()
      yield* batchesOf(read, kept, query)
    }
  }
  if (merge !== null) for await (const rows of merge.logRows()) yield* batchesOf(rows, null, query)
}

function neededColumns(slice: FileSlice, { config, columns, only }: SliceQuery): string[] {
  const names = new Set(columns.map(({ name }) => name))
  if (slice.logs.length > 0) for (const name of mergeColumns(config)) names.add(name)
  // The key is read even when nothing is asked for: a file is read by at least one of its columns.
  if (only !== null || columns.length === 0) names.add(recordKeyField)
  return [...names]
}

/** The rows kept (null: all) as the columns asked for; at a time no more of them than have to be copied. */
async function* batchesOf(
  read: Rows,
  kept: Int32Array | null,
  { columns, pause }: SliceQuery,
): AsyncGenerator<RowBatch> {
  const whole = conform(read.columns, read.rows, columns)
  if (kept === null || kept.length === read.rows) {
    if (read.rows > 0) yield { rows: read.rows, columns: whole }
    return
  }
  const bytes = whole.reduce((sum, { vector }) => sum + vectorBytes(vector), 0)
  const step = Math.max(1, Math.floor((batchBytes / Math.max(bytes, 1)) * read.rows))
  for (let from = 0; from < kept.length; from += step) {
    const rows = kept.subarray(from, from + step)
    const picked: NamedVector[] = []
    for (const column of whole) {
      await pause?.()
      picked.push({ ...column, vector: gather(column.vector, rows, rows.length) })
    }
    yield { rows: rows.length, columns: picked }
  }
}
