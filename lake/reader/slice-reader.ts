// Reads one file slice: the base file in pieces, with the rows its logs changed or deleted left out, then the
// rows the logs brought. Logs are held in memory whole (compaction keeps them short), the base file's rows are not.
import { bitAt, isNull } from '#catalog/column.ts'
import type { Column } from '#catalog/types.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { conform } from './conform.ts'
import { missingFile } from './damage.ts'
import type { FileSlice } from './file-slice.ts'
import type { KeyIndex } from './key-index.ts'
import type { LogRecords, LogStep } from './log-reader.ts'
import { readLogs } from './log-reader.ts'
import { LogMerge } from './merge.ts'
import type { Orderings } from './ordering.ts'
import { orderingsOf } from './ordering.ts'
import type { TableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'
import type { Rows } from './wanted-rows.ts'
import { keyColumn, pickRows, recordKeyField, wantedRows } from './wanted-rows.ts'

const deletedField = '_hoodie_is_deleted'

export interface RowBatch {
  rows: number
  /** The columns asked for, in that order. */
  columns: readonly NamedVector[]
}

export interface SliceQuery {
  store: ObjectStore
  config: TableConfig
  timeline: Pick<TimelineView, 'isCommitted'>
  /** Columns to read, meta fields among them if wanted. */
  columns: readonly Column[]
  /** Read only the rows of these keys; null: all. */
  only: KeyIndex | null
  /** Awaited between pieces of work, for a reader that shares its thread with something more urgent. */
  pause?: () => Promise<void>
}

export async function* readSlice(slice: FileSlice, query: SliceQuery): AsyncGenerator<RowBatch> {
  const { config, columns, only } = query
  const names = neededColumns(slice, query)
  const steps = await readLogs(slice.logs, { ...query, names })
  const blocks = steps.flatMap(step => (step.kind === 'rows' ? [step.rows] : []))
  const merge = slice.logs.length === 0 ? null : await mergeOf(steps, blocks, query)
  if (slice.base !== null)
    for await (const piece of baseRows(slice.base.path, query, names)) {
      await query.pause?.()
      const read = wantedRows(piece, only, slice.base.path)
      const kept =
        merge === null
          ? null
          : merge.survivors(keyColumn(read.columns, slice.base.path), orderings(read.columns, config))
      await query.pause?.()
      const batch = batchOf(read, kept, columns)
      if (batch.rows > 0) yield batch
    }
  for (const [source, won] of merge?.winners() ?? []) yield batchOf(blocks[source]!, won, columns)
}

function neededColumns(slice: FileSlice, { config, columns, only }: SliceQuery): string[] {
  const names = new Set(columns.map(({ name }) => name))
  if (slice.logs.length > 0) {
    names.add(deletedField)
    if (config.orderingField !== null) names.add(config.orderingField)
  }
  // The key is read even when nothing is asked for: a file is read by at least one of its columns.
  if (slice.logs.length > 0 || only !== null || columns.length === 0) names.add(recordKeyField)
  return [...names]
}

async function* baseRows(
  path: string,
  { store, pause }: SliceQuery,
  names: readonly string[],
): AsyncGenerator<Rows> {
  const bytes = await store.get(path)
  if (bytes === null) throw missingFile(store, path)
  // Every file has this column, so that rows are counted even where all others are absent.
  const columns = names.includes(recordKeyField) ? names : [...names, recordKeyField]
  const file = await openParquet(bytes, { columns, context: { table: store.url, path } })
  yield* pause ? file.pacedSlices(pause) : file.slices()
}

async function mergeOf(
  steps: readonly LogStep[],
  blocks: readonly LogRecords[],
  { config, pause }: SliceQuery,
): Promise<LogMerge> {
  const merge = new LogMerge(config.mergeMode)
  let source = 0
  for (const step of steps) {
    await pause?.()
    if (step.kind === 'delete') {
      merge.addDeletes(step.keys, step.orderings)
      continue
    }
    const { columns, path } = blocks[source]!
    merge.addRows({
      source: source++,
      keys: keyColumn(columns, path),
      orderings: orderings(columns, config),
      isDeleted: deletedRows(columns),
    })
  }
  return merge
}

function orderings(columns: readonly NamedVector[], config: TableConfig): Orderings | null {
  if (config.mergeMode === 'commit') return null
  const found = columns.find(({ name }) => name === config.orderingField)
  return found === undefined ? null : orderingsOf(found.vector)
}

function deletedRows(columns: readonly NamedVector[]): ((row: number) => boolean) | null {
  const vector = columns.find(({ name }) => name === deletedField)?.vector
  if (vector?.layout !== 'bits') return null
  return row => !isNull(vector, row) && bitAt(vector.values, row)
}

/** The rows kept (null: all) as the columns asked for. */
function batchOf(read: Rows, kept: Int32Array | null, columns: readonly Column[]): RowBatch {
  const whole = conform(read.columns, read.rows, columns)
  if (kept === null || kept.length === read.rows) return { rows: read.rows, columns: whole }
  return { rows: kept.length, columns: pickRows(whole, kept) }
}
