// The rows of one bucket as a file: its first base file, or a log file that changes what is there.
import type { BinaryVector } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import type { Clock } from '#common/clock.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { encodeBaseFile } from './base-file.ts'
import { deletedColumn } from './columns.ts'
import { encodeLogFile } from './log-file.ts'
import { metaColumns } from './meta-columns.ts'
import { baseFileName, checksumWriteToken, dataFilePath, logFileName, newWriteToken } from './names.ts'
import { deleteMarks } from './rows.ts'
import type { StagedFile } from './staged-files.ts'

/** All rows of a batch, of which a file takes some. */
export interface KeyedRows {
  columns: readonly NamedVector[]
  keys: BinaryVector
  sequences: BigInt64Array
}

export interface BucketTarget {
  fileId: string
  partitionPath: string
  instant: InstantTime
  fileNumber: number
  /** With meta fields. */
  schema: AvroRecordSchema
}

export interface FileToStage {
  file: StagedFile
  bytes: Uint8Array
}

export function bucketBaseFile(
  rows: KeyedRows,
  live: Int32Array,
  target: BucketTarget,
  clock: Clock,
): FileToStage {
  const { fileId, instant } = target
  const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
  const bytes = encodeBaseFile(columnsOf(rows, live, { ...target, fileName }), live.length, target.schema)
  const stat = {
    ...statOf(target, fileName, bytes),
    prevCommit: 'null',
    numWrites: live.length,
    numInserts: live.length,
  }
  return { file: { stat, kind: 'base', rows: live.length }, bytes }
}

export interface LogTarget extends BucketTarget {
  /** In the file's name: the commit's instant, and 1 for its first log file in this group; see names.ts for version 6. */
  nameInstant: InstantTime
  version: number
  /** Whether deletes are rows as well (definition.ts#marksDeletes). */
  marksDeletes: boolean
  /** The slice the log changes: its base instant and its base file's name ('' when it has none). */
  baseInstant: InstantTime
  baseFile: string
}

export function bucketLogFile(
  rows: KeyedRows,
  changed: { live: Int32Array; deleted: Int32Array },
  target: LogTarget,
  clock: Clock,
): FileToStage {
  const { fileId, instant, nameInstant, version, baseInstant, baseFile, partitionPath } = target
  const { live, deleted } = changed
  const written = target.marksDeletes ? joined(live, deleted) : live
  const columns = written.length === 0 ? [] : columnsOf(rows, written, { ...target, fileName: fileId })
  const bytes = encodeLogFile({
    instant,
    schema: target.schema,
    columns: target.marksDeletes ? withDeleteMarks(columns, written.length, live.length) : columns,
    rows: written.length,
    deletes: {
      keys: rows.keys,
      sequences: rows.sequences,
      rows: target.marksDeletes ? noRows : deleted,
      partitionPath,
    },
  })
  // What is named by its slice may be appended to by other engines (table version 6).
  const writeToken =
    nameInstant === instant && !target.marksDeletes ? checksumWriteToken(bytes, clock) : newWriteToken(clock)
  const fileName = logFileName({ fileId, writeToken, instant: nameInstant, version })
  const stat = {
    ...statOf(target, fileName, bytes),
    prevCommit: baseInstant,
    baseFile,
    logFiles: [fileName],
    logVersion: version,
    logOffset: 0,
    numWrites: live.length,
    numUpdateWrites: live.length,
    numDeletes: deleted.length,
  }
  return { file: { stat, kind: 'log', rows: live.length + deleted.length }, bytes }
}

const noRows = new Int32Array(0)

function joined(first: Int32Array, second: Int32Array): Int32Array {
  const rows = new Int32Array(first.length + second.length)
  rows.set(first)
  rows.set(second, first.length)
  return rows
}

/** The rows from the number `live` on as deletes. */
function withDeleteMarks(columns: readonly NamedVector[], rows: number, live: number): NamedVector[] {
  return columns.map(column =>
    column.name === deletedColumn ? { ...column, vector: deleteMarks(rows, live) } : column,
  )
}

function columnsOf(
  rows: KeyedRows,
  live: Int32Array,
  target: BucketTarget & { fileName: string },
): NamedVector[] {
  const keys = gather(rows.keys, live, live.length) as BinaryVector
  const columns = rows.columns.map(column => ({
    ...column,
    vector: gather(column.vector, live, live.length),
  }))
  return [...metaColumns({ ...target, keys, rows: live.length }), ...columns]
}

function statOf(
  { fileId, partitionPath }: BucketTarget,
  fileName: string,
  bytes: Uint8Array,
): { fileId: string; path: string; partitionPath: string; fileSizeInBytes: number; totalWriteBytes: number } {
  const path = dataFilePath(partitionPath, fileName)
  return { fileId, path, partitionPath, fileSizeInBytes: bytes.length, totalWriteBytes: bytes.length }
}
