// What the table and the files staged for a commit hold for given keys: needed for values a source left out,
// and for the keys a TRUNCATE deletes.
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import type { Column } from '#catalog/types.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { parseDataFile } from '#lake/reader/data-file.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { KeyIndex } from '#lake/reader/key-index.ts'
import type { RowBatch, SliceQuery } from '#lake/reader/slice-reader.ts'
import { readSlice } from '#lake/reader/slice-reader.ts'
import type { TableConfig } from '#lake/reader/table-config.ts'
import { recordKeyField } from '#lake/reader/wanted-rows.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TableDefinition } from './definition.ts'
import { layoutOf } from './definition.ts'
import { fileGroupKey } from './names.ts'
import type { PendingCommit } from './pending-commit.ts'
import { nullVector } from './project.ts'
import { storedAt } from './staged-files.ts'
import type { TableFiles } from './table-files.ts'

const keyColumn: Column = { name: recordKeyField, type: { kind: 'string' }, nullable: true }

/** The table as a commit in the making sees it: what is committed, and on top of it what is staged. */
export interface CommitView {
  store: ObjectStore
  definition: TableDefinition
  files: TableFiles
  pending: PendingCommit
}

/** The table as it stands with all that was staged; every staged file can be read. */
export async function stagedView<Context extends Omit<CommitView, 'files'>>(
  context: Context & { currentFiles: () => Promise<TableFiles> },
): Promise<CommitView> {
  const files = await context.currentFiles()
  await context.pending.staged.settle()
  return { ...context, files }
}

/** A file group with its staged files, or null when there is nothing in it. */
export function stagedSlice(view: CommitView, fileGroup: string): FileSlice | null {
  const committed = view.files.slice(fileGroup)
  const staged: DataFile[] = []
  for (const staging of view.pending.staged.files) {
    const { stat } = staging
    if (fileGroupKey(stat.partitionPath, stat.fileId) !== fileGroup) continue
    const file = parseDataFile({ path: stat.path, sizeBytes: stat.fileSizeInBytes })
    if (file) staged.push({ ...file, path: storedAt(staging) })
  }
  const first = committed ?? staged[0]
  if (!first) return null
  const base = staged.find(({ kind }) => kind === 'base') ?? committed?.base ?? null
  const logs = [...(committed?.logs ?? []), ...staged.filter(({ kind }) => kind === 'log')]
  const baseInstant = committed?.baseInstant ?? view.pending.instant
  return { partitionPath: first.partitionPath, fileId: first.fileId, baseInstant, base, logs }
}

/** All file groups that hold anything. */
export function stagedGroups(view: CommitView): string[] {
  const groups = new Set<string>()
  for (const { partitionPath, fileId } of view.files.slices) groups.add(fileGroupKey(partitionPath, fileId))
  for (const { stat } of view.pending.staged.files) groups.add(fileGroupKey(stat.partitionPath, stat.fileId))
  return [...groups]
}

/** The keys that live in a file group, and columns of their rows. */
export async function* readKeys(
  view: CommitView,
  fileGroup: string,
  { only, columns }: { only: KeyIndex | null; columns: readonly Column[] },
): AsyncGenerator<{ keys: BinaryVector; columns: readonly ColumnVector[] }> {
  const slice = stagedSlice(view, fileGroup)
  if (slice === null) return
  for await (const batch of readSlice(slice, queryOf(view, columns, only)))
    yield { keys: keysOf(batch), columns: batch.columns.slice(1).map(({ vector }) => vector) }
}

export interface FoundRows {
  /** Per key asked for: its row in the columns, or −1. */
  at: Int32Array
  columns: readonly ColumnVector[]
}

/** The rows of these keys in a file group. Reads the group's files: their key and the columns asked for. */
export async function findRows(
  view: CommitView,
  fileGroup: string,
  keys: BinaryVector,
  columns: readonly Column[],
): Promise<FoundRows> {
  const wanted = new KeyIndex()
  const numbers = Int32Array.from({ length: keys.length }, (_, row) => wanted.add(keys, row))
  const places = new Int32Array(wanted.size).fill(-1)
  const batches: RowBatch[] = []
  let found = 0
  const slice = stagedSlice(view, fileGroup)
  if (slice !== null)
    for await (const batch of readSlice(slice, queryOf(view, columns, wanted))) {
      const batchKeys = keysOf(batch)
      for (let row = 0; row < batch.rows; row++) places[wanted.find(batchKeys, row)] = found++
      batches.push(batch)
    }
  return {
    at: numbers.map(number => places[number]!),
    columns: columns.map(({ type }, index) =>
      batches.length === 0
        ? nullVector(type, 0)
        : concatVectors(batches.map(batch => batch.columns[index + 1]!.vector)),
    ),
  }
}

/** Counts what is staged as committed. */
export function stagedTimeline({ pending, files }: CommitView): SliceQuery['timeline'] {
  return { isCommitted: instant => instant === pending.instant || files.timeline.isCommitted(instant) }
}

function queryOf(view: CommitView, columns: readonly Column[], only: KeyIndex | null): SliceQuery {
  const { store, definition } = view
  return {
    store,
    config: writtenConfig(definition),
    timeline: stagedTimeline(view),
    columns: [keyColumn, ...columns],
    only,
  }
}

function keysOf(batch: RowBatch): BinaryVector {
  return batch.columns[0]!.vector as BinaryVector
}

/** How tables we make are read. */
export function writtenConfig(definition: TableDefinition): TableConfig {
  return {
    name: definition.name,
    version: definition.version,
    layout: layoutOf(definition.version),
    mergeOnRead: definition.tableType === 'MERGE_ON_READ',
    mergeMode: 'event',
    orderingField: definition.orderingField,
    keyFields: definition.schema.key,
    partitionFields: definition.partitionFields,
    isUtc: true,
    createSchema: null,
  }
}
