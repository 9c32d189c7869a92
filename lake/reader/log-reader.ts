// The log files of a slice, as the steps they make in order: rows written, keys deleted. Blocks of commits that
// never completed, and blocks a rollback took back, are left out.
import type { BinaryVector } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import { DataError } from '#common/errors.ts'
import { decodeRecords } from '#lake/avro/records.ts'
import type { LogBlock } from '#lake/log/decode-blocks.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import type { DecodedDeletes } from '#lake/log/delete-block.ts'
import { decodeDeletes } from '#lake/log/delete-block.ts'
import { decodeParquet } from '#lake/parquet/decode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { logBytes, wholeBlock } from './checked-blocks.ts'
import type { DataFile } from './data-file.ts'
import type { KeyIndex } from './key-index.ts'
import type { Ordering } from './merge.ts'
import { alwaysDeletes } from './merge.ts'
import type { TableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'
import type { Rows } from './wanted-rows.ts'
import { rowsOfKeys, wantedRows } from './wanted-rows.ts'

export type LogStep = { instant: InstantTime } & (
  | { kind: 'rows'; rows: LogRecords }
  | { kind: 'delete'; keys: BinaryVector; orderings: readonly (Ordering | typeof alwaysDeletes)[] }
)

export interface LogRecords extends Rows {
  path: string
}

export interface LogQuery {
  store: ObjectStore
  timeline: Pick<TimelineView, 'isCommitted'> & Partial<Pick<TimelineView, 'layout'>>
  /** Tells the layout where the timeline does not. */
  config?: Pick<TableConfig, 'layout'>
  /** Columns to read of data blocks. */
  names: readonly string[]
  /** Keys to keep rows and deletes of; null: all. */
  only: KeyIndex | null
  /** Awaited between blocks. */
  pause?: () => Promise<void>
}

/** What the logs do, in the order in which it applies. One log file is in memory at a time, and what is kept of all. */
export async function readLogs(logs: readonly DataFile[], query: LogQuery): Promise<LogStep[]> {
  let steps: LogStep[] = []
  const layout = (query.config ?? query.timeline).layout ?? 2
  for (const log of logs) {
    const { path } = log
    const context = { table: query.store.url, path }
    for (const found of decodeBlocks(await logBytes(query.store, log), context)) {
      await query.pause?.()
      const block = wholeBlock(found, { ...context, layout })
      if (block === null) continue
      if (block.type === 'rollback') {
        const { targetInstant } = block
        steps = steps.filter(({ instant }) => instant !== targetInstant)
      } else if (query.timeline.isCommitted(block.instant)) steps.push(await stepOf(block, path, query))
    }
  }
  return steps
}

async function stepOf(block: LogBlock, path: string, { store, names, only }: LogQuery): Promise<LogStep> {
  const { instant, type } = block
  const context = { table: store.url, path, offset: block.offset }
  if (type === 'delete')
    return { kind: 'delete', instant, ...wantedDeletes(decodeDeletes(block, context), only) }
  if (type !== 'avro' && type !== 'parquet')
    throw new DataError(`A log file has a block of type ${type}, which cannot be read`, {
      code: 'LAKE_TYPE_UNSUPPORTED',
      context,
    })
  const read =
    type === 'avro'
      ? decodeRecords(block.schema, block.content, { columns: names, context })
      : await decodeParquet(block.content, names, context)
  return { kind: 'rows', instant, rows: { ...wantedRows(read, only, path), path } }
}

function wantedDeletes(
  { recordKeys, orderings, unordered }: DecodedDeletes,
  only: KeyIndex | null,
): { keys: BinaryVector; orderings: (Ordering | typeof alwaysDeletes)[] } {
  const rows = only === null ? null : rowsOfKeys(recordKeys, only)
  const keys = rows === null ? recordKeys : (gather(recordKeys, rows, rows.length) as BinaryVector)
  const values = Array.from({ length: keys.length }, (_, at) => {
    const row = rows === null ? at : rows[at]!
    return unordered[row] === 1 ? alwaysDeletes : orderings[row]!
  })
  return { keys, orderings: values }
}
