// Spreads the rows of a batch over the buckets of their partitions.
import { Operation } from '#catalog/change-batch.ts'
import { bitAt } from '#catalog/column.ts'
import type { BucketRows, RowsToSplit } from '#lake/key/bucket.ts'
import { bucketOf } from '#lake/key/bucket.ts'

/** Rows and, beside each, the number of a partition. */
export interface PartitionOfRows {
  rows: readonly number[]
  partitions: readonly number[]
}

export interface PlacedRows extends RowsToSplit {
  /** Per row the number of its partition; −1: the row goes nowhere. */
  partitions: Int32Array
  /** Rows whose keys are deleted in further partitions. */
  left: PartitionOfRows
}

interface Group {
  partition: number
  bucket: number
  live: number[]
  deleted: number[]
}

/** @param paths of the partitions by their numbers */
export function splitByPartition(
  placed: PlacedRows,
  buckets: number,
  paths: readonly string[],
): BucketRows[] {
  const { rows, hashes, operations, superseded, partitions, left } = placed
  const groups = new Map<number, Group>()
  const groupOf = (row: number, partition: number): Group => {
    const bucket = bucketOf(hashes[row]!, buckets)
    const number = partition * buckets + bucket
    let group = groups.get(number)
    if (group === undefined) {
      group = { partition, bucket, live: [], deleted: [] }
      groups.set(number, group)
    }
    return group
  }
  for (let row = 0; row < rows; row++) {
    if (partitions[row] === -1 || (superseded !== null && bitAt(superseded, row))) continue
    const group = groupOf(row, partitions[row]!)
    if (operations !== null && operations[row] === Operation.delete) group.deleted.push(row)
    else group.live.push(row)
  }
  for (const [index, row] of left.rows.entries()) groupOf(row, left.partitions[index]!).deleted.push(row)
  return [...groups.values()]
    .map(({ partition, bucket, live, deleted }) => ({
      partitionPath: paths[partition]!,
      bucket,
      live: Int32Array.from(live),
      deleted: Int32Array.from(deleted),
    }))
    .toSorted(byPlace)
}

function byPlace(a: BucketRows, b: BucketRows): number {
  if (a.partitionPath !== b.partitionPath) return a.partitionPath < b.partitionPath ? -1 : 1
  return a.bucket - b.bucket
}
