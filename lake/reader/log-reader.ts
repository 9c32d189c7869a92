// The log files of a slice, as the steps they make in order: rows written, keys deleted. Blocks of commits that
// never completed, and blocks a rollback took back, are left out.
import type { BinaryVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'
import { decodeRecords } from '#lake/avro/records.ts'
import type { LogBlock } from '#lake/log/decode-blocks.ts'
import type { DecodedDeletes } from '#lake/log/delete-block.ts'
import { decodeDeletes } from '#lake/log/delete-block.ts'
import { decodeParquet, openParquet } from '#lake/parquet/decode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { DataFile } from './data-file.ts'
import type { KeyIndex } from './key-index.ts'
import type { Ordering } from './merge.ts'
import { alwaysDeletes } from './merge.ts'
import type { BlockPlace } from './stored-blocks.ts'
import { storedBlock, storedBlocks } from './stored-blocks.ts'
import type { TableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'
import type { Rows } from './wanted-rows.ts'
import { pickRows, rowsOfKeys, wantedRows } from './wanted-rows.ts'

export type LogStep = { instant: InstantTime } & (
  | { kind: 'rows'; rows: LogRecords }
  | { kind: 'delete'; keys: BinaryVector; orderings: readonly (Ordering | typeof alwaysDeletes)[] }
)

/** Rows of a data block. */
export interface LogRecords extends Rows, BlockPlace {}

/** A step, or that the blocks of an instant before are void. */
export type LogEvent = LogStep | { kind: 'rollback'; instant: InstantTime }

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
  for await (const { event } of logEvents(logs, query))
    if (event.kind === 'rollback') steps = steps.filter(({ instant }) => instant !== event.instant)
    else steps.push(event)
  return steps
}

/**
 * The same, step by step: nothing is kept. Blocks are numbered; a block has the same number whenever the same logs are
 * read with the same timeline.
 */
export async function* logEvents(
  logs: readonly DataFile[],
  query: LogQuery,
): AsyncGenerator<{ block: number; event: LogEvent }> {
  const from = { store: query.store, layout: layoutOf(query) }
  let number = 0
  for (const log of logs)
    for await (const block of storedBlocks(log, from)) {
      await query.pause?.()
      number++
      if (block.type === 'rollback')
        yield { block: number, event: { kind: 'rollback', instant: block.targetInstant } }
      else if (query.timeline.isCommitted(block.instant))
        yield { block: number, event: await stepOf(block, log.path, query) }
    }
}

/** Some rows of a data block, in ascending order, read anew. */
export async function* recordsAt(
  place: BlockPlace,
  rows: Int32Array,
  query: Omit<LogQuery, 'only'>,
): AsyncGenerator<Rows> {
  const block = await storedBlock(place, { store: query.store, layout: layoutOf(query) })
  const context = { table: query.store.url, ...place }
  if (block.type === 'avro')
    for (let from = 0; from < rows.length; from += recordBatch) {
      await query.pause?.()
      const some = rows.subarray(from, from + recordBatch)
      yield decodeRecords(block.schema, block.content, { columns: query.names, rows: some, context })
    }
  else if (block.type === 'parquet') {
    const file = await openParquet(block.content, { columns: query.names, context })
    let firstRow = 0
    let from = 0
    for await (const piece of file.pacedSlices(query.pause ?? (() => Promise.resolve()))) {
      let to = from
      while (to < rows.length && rows[to]! < firstRow + piece.rows) to++
      const chosen = rows.subarray(from, to).map(row => row - firstRow)
      if (to > from) yield { rows: to - from, columns: pickRows(piece.columns, chosen) }
      from = to
      firstRow += piece.rows
    }
  }
}

const recordBatch = 1 << 15

function layoutOf({ config, timeline }: Pick<LogQuery, 'config' | 'timeline'>): TimelineLayout {
  return (config ?? timeline).layout ?? 2
}

async function stepOf(block: LogBlock, path: string, query: LogQuery): Promise<LogStep> {
  const { store, names, only } = query
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
      : await pacedParquet(block.content, query, context)
  return { kind: 'rows', instant, rows: { ...wantedRows(read, only, path), path, offset: block.offset } }
}

async function pacedParquet(
  content: Uint8Array,
  { names, pause }: LogQuery,
  context: ErrorContext,
): Promise<Rows> {
  if (pause === undefined) return decodeParquet(content, names, context)
  const file = await openParquet(content, { columns: names, context })
  const pieces: Rows[] = []
  for await (const piece of file.pacedSlices(pause)) pieces.push(piece)
  const columns = pieces[0]?.columns.map((column, index) => ({
    ...column,
    vector: concatVectors(pieces.map(piece => piece.columns[index]!.vector)),
  }))
  return { rows: file.rows, columns: columns ?? file.emptyColumns() }
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
