// Stages rows of a keyed table: the last change of each key, spread over the buckets, as one file per bucket: the
// group's first base file, or a log file with a data block and a delete block.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { BinaryVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'
import type { Clock } from '#common/clock.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { BucketRows } from './bucket.ts'
import { splitByBucket } from './bucket.ts'
import type { BucketTarget, KeyedRows } from './bucket-file.ts'
import { bucketBaseFile, bucketLogFile } from './bucket-file.ts'
import { bucketChanges } from './copy-on-write-stage.ts'
import { rewrites } from './definition.ts'
import type { KeyChanges } from './final-rows.ts'
import { keyChanges } from './final-rows.ts'
import type { CommitView } from './lookup.ts'
import { findRows, liveKeys, stagedGroups } from './lookup.ts'
import { fileGroupKey, parseFileGroupKey } from './names.ts'
import type { RecordKeys } from './record-key.ts'
import { recordKeys } from './record-key.ts'
import { storedColumns } from './rows.ts'
import type { SliceHead } from './slice-heads.ts'
import type { UnchangedRows } from './unchanged.ts'
import { fillUnchanged, unchangedRows } from './unchanged.ts'

const noRows = new Int32Array(0)

export interface StageContext extends Omit<CommitView, 'files'> {
  clock: Clock
  /** The committed files, as the newest state the writer knows has them. */
  currentFiles: () => Promise<CommitView['files']>
  /** Id of a bucket's file group, whether there is one already or not. */
  fileId: (partitionPath: string, bucket: number) => string
  /** The group's newest slice, or null when the table has none, as far as the writer knows. */
  slice: (fileGroup: string) => SliceHead | null
  /** Looks again, once in a commit: another engine may have made file groups that no journal entry tells of. */
  lookAgain: () => Promise<void>
}

export async function stageKeyed(batch: ChangeBatch, context: StageContext): Promise<void> {
  const { definition, pending } = context
  const columns = storedColumns(batch, pending.schema.columns)
  const rows = batch.length
  const keys = keysOfRows(columns, definition.schema.key, rows)
  const changes: KeyChanges =
    batch.operations === null ? { superseded: null, previous: null } : keyChanges(keys, rows)
  const filled = await withUnchanged(columns, { batch, keys, changes }, context)
  const keyed: KeyedRows = { columns: filled, keys: keys.keys, sequences: batch.sequences }
  const split = { rows, hashes: keys.hashes, operations: batch.operations, superseded: changes.superseded }
  const buckets = splitByBucket(split, definition.buckets)
  if (buckets.some(bucket => isNew(groupOf(bucket, context), context))) await context.lookAgain()
  for (const bucket of buckets) await stageBucket(keyed, bucket, context)
}

interface Bucket {
  partitionPath: string
  fileId: string
}

function bucketOfRows({ partitionPath, bucket }: BucketRows, { fileId }: StageContext): Bucket {
  return { partitionPath, fileId: fileId(partitionPath, bucket) }
}

function groupOf(rows: BucketRows, context: StageContext): string {
  const { partitionPath, fileId } = bucketOfRows(rows, context)
  return fileGroupKey(partitionPath, fileId)
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
  const slice = context.slice(group) ?? { baseInstant: pending.instant, baseFile: '' }
  const target = { ...targetOf(place, context), version: pending.nextLogVersion(group), ...slice }
  const { file, bytes } = bucketLogFile(rows, changed, target, clock)
  await pending.add(file, bytes, { group, as: 'logged' })
}

function targetOf(place: Bucket, { pending }: StageContext): BucketTarget {
  const { instant, avroSchema } = pending
  return { ...place, instant, fileNumber: pending.nextFileNumber(), schema: avroSchema }
}

/** Deletes every row the table has, as of this sequence. */
export async function stageTruncate(sequence: bigint, context: StageContext): Promise<void> {
  const view = { ...context, files: await context.currentFiles() }
  await context.pending.staged.settle()
  for (const group of stagedGroups(view))
    for await (const keys of liveKeys(view, group)) {
      const sequences = new BigInt64Array(keys.length).fill(sequence)
      const deleted = Int32Array.from({ length: keys.length }, (_, row) => row)
      const place = parseFileGroupKey(group)
      await stageLog({ columns: [], keys, sequences }, { live: noRows, deleted }, context, place)
    }
}

interface Prepared {
  batch: ChangeBatch
  keys: RecordKeys
  changes: KeyChanges
}

/** The columns with the values the source left out put in. */
async function withUnchanged(
  columns: readonly NamedVector[],
  prepared: Prepared,
  context: StageContext,
): Promise<readonly NamedVector[]> {
  const { batch, changes } = prepared
  const rows = { rows: batch.length, operations: batch.operations, ...changes }
  const holes = columns.map(({ vector }) => unchangedRows(vector, rows))
  if (holes.every(hole => hole === null)) return columns
  const found = await lookUp(columns, holes, prepared, context)
  return columns.map((column, index) => {
    const hole = holes[index]
    if (!hole) return column
    const hit =
      found === null ? null : { at: hole.missing.map(row => found.at[row]!), values: found.values[index]! }
    return { ...column, vector: fillUnchanged(column.vector, hole, hit) }
  })
}

/** Reads what is missing from the buckets of the rows that miss it. */
async function lookUp(
  columns: readonly NamedVector[],
  holes: readonly (UnchangedRows | null)[],
  { batch, keys }: Prepared,
  context: StageContext,
): Promise<{ at: Int32Array; values: NamedVector['vector'][] } | null> {
  const missing = Int32Array.from(new Set(holes.flatMap(hole => [...(hole?.missing ?? [])]))).toSorted()
  if (missing.length === 0) return null
  const view = { ...context, files: await context.currentFiles() }
  await context.pending.staged.settle()
  const wanted = holes.flatMap((hole, index) => (hole !== null && hole.missing.length > 0 ? [index] : []))
  const asked = wanted.map(index => ({
    name: columns[index]!.name,
    type: columns[index]!.vector.type,
    nullable: true,
  }))
  const at = new Int32Array(batch.length).fill(-1)
  const parts: (readonly NamedVector['vector'][])[] = []
  let found = 0
  const hashes = keys.hashes
  const split = { rows: batch.length, hashes, operations: null, superseded: allBut(missing, batch.length) }
  for (const bucket of splitByBucket(split, context.definition.buckets)) {
    const { live } = bucket
    const wantedKeys = gather(keys.keys, live, live.length) as BinaryVector
    const rows = await findRows(view, groupOf(bucket, context), wantedKeys, asked)
    for (const [index, row] of live.entries()) if (rows.at[index] !== -1) at[row] = found + rows.at[index]!
    found += rows.columns[0]!.length
    parts.push(rows.columns)
  }
  const values: NamedVector['vector'][] = []
  for (const [index, column] of wanted.entries())
    values[column] = concatVectors(parts.map(part => part[index]!))
  return { at, values }
}

function allBut(rows: Int32Array, count: number): Uint8Array {
  const bits = new Uint8Array((count + 7) >> 3).fill(0xff)
  for (const row of rows) bits[row >> 3]! &= ~(1 << (row & 7))
  return bits
}
