// Puts the values that a source left out into the rows of a batch: from earlier rows of the batch, else from the
// file groups that hold the rows' keys.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { BinaryVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { BucketRows, RowsToSplit } from '#lake/key/bucket.ts'
import { splitByBucket } from '#lake/key/bucket.ts'
import type { KeyChanges } from './final-rows.ts'
import { findRows, stagedView } from './lookup.ts'
import { splitByPartition } from '#lake/partition/partition-buckets.ts'
import type { RecordKeys } from '#lake/key/record-key.ts'
import type { StageContext } from './stage-context.ts'
import { groupOf } from './stage-context.ts'
import type { UnchangedRows } from './unchanged.ts'
import { fillUnchanged, unchangedRows } from './unchanged.ts'

/** Rows of a batch on their way into the table. */
export interface ChangedRows {
  batch: ChangeBatch
  /** As stored. */
  columns: readonly NamedVector[]
  keys: RecordKeys
  changes: KeyChanges
}

export function rowsToSplit({ batch, keys, changes }: ChangedRows): RowsToSplit {
  const { length: rows, operations } = batch
  return { rows, hashes: keys.hashes, operations, superseded: changes.superseded }
}

/**
 * The columns with the values the source left out put in.
 * @param partitions per row the number of the partition that has its key, −1: none; null: there are no partitions
 */
export async function withUnchanged(
  changed: ChangedRows,
  partitions: Int32Array | null,
  context: StageContext,
): Promise<readonly NamedVector[]> {
  const { batch, columns, changes } = changed
  const rows = { rows: batch.length, operations: batch.operations, ...changes }
  const holes = columns.map(({ vector }) => unchangedRows(vector, rows))
  if (holes.every(hole => hole === null)) return columns
  const found = await lookUp(changed, holes, partitions, context)
  return columns.map((column, index) => {
    const hole = holes[index]
    if (!hole) return column
    const values = found?.values[index]
    const hit = values ? { at: hole.missing.map(row => found!.at[row]!), values } : null
    return { ...column, vector: fillUnchanged(column.vector, hole, hit) }
  })
}

/** Reads what is missing from the buckets of the rows that miss it. */
async function lookUp(
  { batch, columns, keys }: ChangedRows,
  holes: readonly (UnchangedRows | null)[],
  partitions: Int32Array | null,
  context: StageContext,
): Promise<{ at: Int32Array; values: NamedVector['vector'][] } | null> {
  const missing = Int32Array.from(new Set(holes.flatMap(hole => [...(hole?.missing ?? [])]))).toSorted()
  if (missing.length === 0) return null
  const view = await stagedView(context)
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
  for (const bucket of bucketsOf(split, partitions, context)) {
    const { live } = bucket
    const wantedKeys = gather(keys.keys, live, live.length) as BinaryVector
    const rows = await findRows(view, groupOf(bucket, context), wantedKeys, asked)
    for (const [index, row] of live.entries()) if (rows.at[index] !== -1) at[row] = found + rows.at[index]!
    found += rows.columns[0]!.length
    parts.push(rows.columns)
  }
  if (parts.length === 0) return null
  const values: NamedVector['vector'][] = []
  for (const [index, column] of wanted.entries())
    values[column] = concatVectors(parts.map(part => part[index]!))
  return { at, values }
}

function bucketsOf(
  split: RowsToSplit,
  partitions: Int32Array | null,
  { definition, partitioning }: StageContext,
): BucketRows[] {
  if (partitions === null || partitioning === null) return splitByBucket(split, definition.buckets)
  const placed = { ...split, partitions, left: { rows: [], partitions: [] } }
  return splitByPartition(placed, definition.buckets, partitioning.numbers.paths)
}

function allBut(rows: Int32Array, count: number): Uint8Array {
  const bits = new Uint8Array((count + 7) >> 3).fill(0xff)
  for (const row of rows) bits[row >> 3]! &= ~(1 << (row & 7))
  return bits
}
