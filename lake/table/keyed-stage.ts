// Stages rows of a keyed table: the last change of each key, spread over the buckets, as one file per bucket: the
// group's first base file, or a log file with a data block and a delete block.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import type { Column } from '#catalog/types.ts'
import { invariant } from '#common/errors.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { BucketRows } from '#lake/key/bucket.ts'
import { splitByBucket } from '#lake/key/bucket.ts'
import type { BucketTarget, KeyedRows } from './bucket-file.ts'
import { bucketBaseFile, bucketLogFile } from './bucket-file.ts'
import { bucketChanges } from './copy-on-write-stage.ts'
import { sequenceColumn } from './columns.ts'
import { layoutOf, marksDeletes, rewrites } from './definition.ts'
import type { KeyChanges } from './final-rows.ts'
import { keyChanges } from './final-rows.ts'
import type { ChangedRows } from './fill-unchanged.ts'
import { rowsToSplit, withUnchanged } from './fill-unchanged.ts'
import { readKeys, stagedGroups, stagedView } from './lookup.ts'
import { fileGroupKey, parseFileGroupKey } from './names.ts'
import { placeInPartitions } from './place-in-partitions.ts'
import type { RecordKeys } from '#lake/key/record-key.ts'
import { recordKeys } from '#lake/key/record-key.ts'
import { deletedRows, storedColumns } from './rows.ts'
import type { Bucket, PlacedInBuckets, StageContext } from './stage-context.ts'
import { bucketOfRows, groupOf } from './stage-context.ts'

const noRows = new Int32Array(0)
const orderingColumn: Column = { name: sequenceColumn, type: { kind: 'int64' }, nullable: true }

export async function stageKeyed(batch: ChangeBatch, context: StageContext): Promise<void> {
  const rows = preparedRows(batch, context)
  const { columns, buckets } =
    context.partitioning === null
      ? await placeInBuckets(rows, context)
      : await placeInPartitions(rows, context.partitioning, context)
  const keyed: KeyedRows = { columns, keys: rows.keys.keys, sequences: batch.sequences }
  await context.makePartitions(buckets.map(({ partitionPath }) => partitionPath))
  if (buckets.some(bucket => isNew(groupOf(bucket, context), context))) await context.lookAgain()
  for (const bucket of buckets) {
    await stageBucket(keyed, bucket, context)
    // A stage of such a table is large: between its files others have their turn, and what it took to make one can go.
    if (rewrites(context.definition)) await context.pause()
  }
}

function preparedRows(batch: ChangeBatch, { definition, pending }: StageContext): ChangedRows {
  const columns = storedColumns(batch, pending.schema.columns)
  const keys = keysOfRows(columns, definition.schema.key, batch.length)
  const changes: KeyChanges =
    batch.operations === null ? { superseded: null, previous: null } : keyChanges(keys, batch.length)
  return { batch, columns, keys, changes }
}

async function placeInBuckets(rows: ChangedRows, context: StageContext): Promise<PlacedInBuckets> {
  const columns = await withUnchanged(rows, null, context)
  return { columns, buckets: splitByBucket(rowsToSplit(rows), context.definition.buckets) }
}

function isNew(fileGroup: string, { slice, pending, definition }: StageContext): boolean {
  return !rewrites(definition) && slice(fileGroup) === null && !pending.touches(fileGroup)
}

function keysOfRows(columns: readonly NamedVector[], key: readonly string[], rows: number): RecordKeys {
  const keyColumns = key.map(name => ({ name, vector: columns.find(column => column.name === name)!.vector }))
  return recordKeys(keyColumns, rows)
}

async function stageBucket(rows: KeyedRows, bucket: BucketRows, context: StageContext): Promise<void> {
  const { pending, clock } = context
  const place = bucketOfRows(bucket, context)
  const group = groupOf(bucket, context)
  const { live, deleted } = bucket
  if (isNew(group, context)) {
    // Also when there is no row to put into it: a log file that came first and was never committed would hide
    // the later ones from Hudi's Java readers, as placement.ts says of base files.
    const { file, bytes } = bucketBaseFile(rows, live, targetOf(place, context), clock)
    await pending.add(file, bytes, { group, as: 'created' })
    // Deletes of rows the table never had are kept: a lagging writer may yet bring them.
    if (deleted.length > 0) await stageLog(rows, { live: noRows, deleted }, context, place)
  } else await stageLog(rows, bucket, context, place)
}

async function stageLog(
  rows: KeyedRows,
  changed: { live: Int32Array; deleted: Int32Array },
  context: StageContext,
  place: Bucket,
): Promise<void> {
  const { pending, clock } = context
  const group = fileGroupKey(place.partitionPath, place.fileId)
  if (rewrites(context.definition)) {
    const target = { ...targetOf(place, context), version: pending.nextLogVersion(group) }
    const { file, bytes } = bucketChanges(rows, changed, target, clock)
    await pending.add(file, bytes, { group, as: 'changed' })
    return
  }
  const slice = context.slice(group) ?? { baseInstant: pending.instant, baseFile: '', logVersion: 0 }
  const inCommit = pending.nextLogVersion(group)
  const isNamedBySlice = layoutOf(context.definition.version) === 1
  const target = {
    ...targetOf(place, context),
    ...slice,
    nameInstant: isNamedBySlice ? slice.baseInstant : pending.instant,
    version: isNamedBySlice ? slice.logVersion + inCommit : inCommit,
    marksDeletes: marksDeletes(context.definition),
  }
  const { file, bytes } = bucketLogFile(rows, changed, target, clock)
  await pending.add(file, bytes, { group, as: 'logged' })
}

function targetOf(place: Bucket, { pending }: StageContext): BucketTarget {
  const { instant, avroSchema } = pending
  return { ...place, instant, fileNumber: pending.nextFileNumber(), schema: avroSchema }
}

/** Deletes every row the table has from before this sequence. */
export async function stageTruncate(sequence: bigint, context: StageContext): Promise<void> {
  const view = await stagedView(context)
  for (const group of stagedGroups(view))
    for await (const read of readKeys(view, group, { only: null, columns: [orderingColumn] })) {
      const deleted = earlierThan(sequence, read.columns[0]!)
      if (deleted.length === 0) continue
      const keys = gather(read.keys, deleted, deleted.length) as BinaryVector
      const sequences = new BigInt64Array(keys.length).fill(sequence)
      const place = parseFileGroupKey(group)
      const columns = marksDeletes(context.definition) ? deletedRows(context.pending.schema, sequences) : []
      const changed = { live: noRows, deleted: Int32Array.from({ length: keys.length }, (_, row) => row) }
      await stageLog({ columns, keys, sequences }, changed, context, place)
    }
}

function earlierThan(sequence: bigint, sequences: ColumnVector): Int32Array {
  invariant(sequences.layout === 'int64', 'A column of sequences that is none')
  const rows: number[] = []
  for (let row = 0; row < sequences.length; row++) if (sequences.values[row]! <= sequence) rows.push(row)
  return Int32Array.from(rows)
}
