// The log files of a slice, as the steps they make in order: rows written, keys deleted. Blocks of commits that
// never completed, and blocks a rollback took back, are left out; torn ones are what a crashed writer left.
import type { BinaryVector } from '#catalog/column.ts'
import { DataError } from '#common/errors.ts'
import { decodeRecords } from '#lake/avro/records.ts'
import type { LogBlock } from '#lake/log/decode-blocks.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import { decodeDeletes } from '#lake/log/delete-block.ts'
import { decodeParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { DataFile } from './data-file.ts'
import type { Ordering } from './merge.ts'
import { alwaysDeletes } from './merge.ts'
import type { TimelineView } from './timeline-view.ts'

export type LogStep =
  | { kind: 'rows'; source: number }
  | { kind: 'delete'; keys: BinaryVector; orderings: readonly (Ordering | typeof alwaysDeletes)[] }

export interface LogRecords {
  path: string
  rows: number
  columns: readonly NamedVector[]
}

export interface LogData {
  /** In the order in which they apply. */
  steps: LogStep[]
  /** Rows of the data blocks; a step names one by its place here. */
  data: LogRecords[]
}

export interface LogQuery {
  store: ObjectStore
  timeline: Pick<TimelineView, 'isCommitted'>
  /** Columns to read of data blocks. */
  names: readonly string[]
}

export async function readLogs(logs: readonly DataFile[], query: LogQuery): Promise<LogData> {
  const result: LogData = { steps: [], data: [] }
  for (const { path, block } of await committedBlocks(logs, query)) {
    const context = { path, offset: block.offset }
    if (block.type === 'delete') {
      const { recordKeys, orderings, unordered } = decodeDeletes(block, context)
      const values = Array.from(orderings, (value, row) => (unordered[row] === 1 ? alwaysDeletes : value))
      result.steps.push({ kind: 'delete', keys: recordKeys, orderings: values })
      continue
    }
    if (block.type !== 'avro' && block.type !== 'parquet')
      throw new DataError(`A log file has a block of type ${block.type}, which cannot be read`, {
        code: 'LAKE_TYPE_UNSUPPORTED',
        context,
      })
    const { rows, columns } =
      block.type === 'avro'
        ? decodeRecords(block.schema, block.content, { columns: query.names, context })
        : await decodeParquet(block.content, query.names, context)
    result.steps.push({ kind: 'rows', source: result.data.length })
    result.data.push({ path, rows, columns })
  }
  return result
}

async function committedBlocks(
  logs: readonly DataFile[],
  { store, timeline }: LogQuery,
): Promise<{ path: string; block: LogBlock }[]> {
  let blocks: { path: string; block: LogBlock }[] = []
  for (const { path } of logs) {
    const bytes = await store.get(path)
    if (bytes === null)
      throw new DataError('A log file of the table is gone', { code: 'LAKE_FILE_CORRUPT', context: { path } })
    for (const block of decodeBlocks(bytes, { path })) {
      if (block.type === 'corrupt') continue
      if (block.type === 'rollback') {
        const { targetInstant } = block
        blocks = blocks.filter(earlier => earlier.block.instant !== targetInstant)
      } else if (timeline.isCommitted(block.instant)) blocks.push({ path, block })
    }
  }
  return blocks
}
