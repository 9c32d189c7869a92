// Changes of a copy-on-write table wait in files of their own, aside, until their commit rewrites the base files
// they change: a base file is rewritten once for a commit, however large the commit grew and however often it was
// staged. They are log files in all but their place and their columns: Hudi's own follow only when it is known
// under which instant the rewrite is done.
import { gather } from '#catalog/gather.ts'
import type { Clock } from '#common/clock.ts'
import { encodeDataBlock } from '#lake/log/data-block.ts'
import { encodeDeleteBlock } from '#lake/log/delete-block.ts'
import { recordKeyField } from '#lake/reader/wanted-rows.ts'
import type { BucketTarget, FileToStage, KeyedRows } from './bucket-file.ts'
import { checksumWriteToken, dataFilePath, logFileName } from './names.ts'

/** Uncompressed: they are read once, a moment later. */
const changesFormat = { compression: 'uncompressed', keyValues: {} } as const

export function bucketChanges(
  rows: KeyedRows,
  changed: { live: Int32Array; deleted: Int32Array },
  target: BucketTarget & { version: number },
  clock: Clock,
): FileToStage {
  const { fileId, instant, version, partitionPath } = target
  const { live, deleted } = changed
  const bytes = encodeChanges(rows, changed, target)
  const fileName = logFileName({ fileId, writeToken: checksumWriteToken(bytes, clock), instant, version })
  const stat = {
    fileId,
    path: dataFilePath(partitionPath, fileName),
    prevCommit: 'null',
    partitionPath,
    fileSizeInBytes: bytes.length,
    numWrites: live.length,
  }
  return { file: { stat, kind: 'log', rows: live.length + deleted.length }, bytes }
}

function encodeChanges(
  rows: KeyedRows,
  { live, deleted }: { live: Int32Array; deleted: Int32Array },
  { instant, partitionPath }: BucketTarget,
): Uint8Array {
  const blocks: Uint8Array[] = []
  const head = { instant, schema: '' }
  if (live.length > 0) {
    const all = [{ name: recordKeyField, vector: rows.keys, nullable: true }, ...rows.columns]
    const columns = all.map(column => ({ ...column, vector: gather(column.vector, live, live.length) }))
    blocks.push(encodeDataBlock({ ...head, columns, count: live.length, parquet: changesFormat }))
  }
  if (deleted.length > 0) {
    const { keys: recordKeys, sequences: orderings } = rows
    blocks.push(encodeDeleteBlock({ ...head, recordKeys, partitionPath, orderings, rows: deleted }))
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks)
}
