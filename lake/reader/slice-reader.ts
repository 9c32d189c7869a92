// Reads one file slice: the base file in pieces, with the rows its logs changed or deleted left out, then the
// rows the logs brought. Logs are held in memory whole (compaction keeps them short), the base file's rows are not.
import type { BinaryVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import type { Column } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { conform } from './conform.ts'
import type { FileSlice } from './file-slice.ts'
import type { KeyIndex } from './key-index.ts'
import type { LogData } from './log-reader.ts'
import { readLogs } from './log-reader.ts'
import type { Ordering } from './merge.ts'
import { LogMerge, orderingsOf } from './merge.ts'
import type { TableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'

export const recordKeyField = '_hoodie_record_key'
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
}

export async function* readSlice(slice: FileSlice, query: SliceQuery): AsyncGenerator<RowBatch> {
  const { config, columns, only } = query
  const names = neededColumns(slice, query)
  const logs = await readLogs(slice.logs, { ...query, names })
  const merge = slice.logs.length === 0 ? null : mergeOf(logs, config)
  if (slice.base !== null)
    for await (const { rows, columns: read } of baseRows(slice.base.path, query.store, names)) {
      const keys = merge === null && only === null ? null : keysOf(read, slice.base.path)
      const kept = merge === null ? null : merge.survivors(keys!, orderings(read, config))
      const batch = pick(read, onlyKeys(kept, { keys, rows, only }), { rows, columns })
      if (batch.rows > 0) yield batch
    }
  for (const [source, won] of merge?.winners() ?? []) {
    const { columns: read, rows, path } = logs.data[source]!
    const batch = pick(read, onlyKeys(won, { keys: keysOf(read, path), rows, only }), { rows, columns })
    if (batch.rows > 0) yield batch
  }
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
  store: ObjectStore,
  names: readonly string[],
): AsyncGenerator<RowBatch> {
  const bytes = await store.get(path)
  if (bytes === null) throw missing(path)
  // Every file has this column, so that rows are counted even where all others are absent.
  const columns = names.includes(recordKeyField) ? names : [...names, recordKeyField]
  const file = await openParquet(bytes, { columns, context: { path } })
  yield* file.slices()
}

function mergeOf(logs: LogData, config: TableConfig): LogMerge {
  const merge = new LogMerge(config.mergeMode)
  for (const step of logs.steps) {
    if (step.kind === 'delete') {
      merge.addDeletes(step.keys, step.orderings)
      continue
    }
    const { columns, path } = logs.data[step.source]!
    merge.addRows({
      source: step.source,
      keys: keysOf(columns, path),
      orderings: orderings(columns, config),
      isDeleted: deletedRows(columns),
    })
  }
  return merge
}

function orderings(columns: readonly NamedVector[], config: TableConfig): Ordering[] | null {
  if (config.mergeMode === 'commit') return null
  const found = columns.find(({ name }) => name === config.orderingField)
  return found === undefined ? null : orderingsOf(found.vector)
}

function deletedRows(columns: readonly NamedVector[]): ((row: number) => boolean) | null {
  const vector = columns.find(({ name }) => name === deletedField)?.vector
  if (vector?.layout !== 'bits') return null
  return row => !isNull(vector, row) && bitAt(vector.values, row)
}

function keysOf(columns: readonly NamedVector[], path: string): BinaryVector {
  const vector = columns.find(({ name }) => name === recordKeyField)?.vector
  if (vector?.layout === 'binary') return vector
  throw new DataError('A file of the table has no record keys', {
    code: 'LAKE_FILE_CORRUPT',
    context: { path },
  })
}

/** The rows among those kept (null: all of them) whose key is wanted; null: all rows. */
function onlyKeys(
  kept: Int32Array | null,
  { keys, rows, only }: { keys: BinaryVector | null; rows: number; only: KeyIndex | null },
): Int32Array | null {
  if (only === null) return kept !== null && kept.length === rows ? null : kept
  const candidates = kept ?? Int32Array.from({ length: rows }, (_, row) => row)
  return candidates.filter(row => only.find(keys!, row) !== -1)
}

function pick(
  read: readonly NamedVector[],
  chosen: Int32Array | null,
  { rows, columns }: { rows: number; columns: readonly Column[] },
): RowBatch {
  const whole = conform(read, rows, columns)
  if (chosen === null) return { rows, columns: whole }
  const picked = whole.map(column => ({ ...column, vector: gather(column.vector, chosen, chosen.length) }))
  return { rows: chosen.length, columns: picked }
}

function missing(path: string): DataError {
  return new DataError('A file of the table is gone', { code: 'LAKE_FILE_CORRUPT', context: { path } })
}
