// Hudi's simple bucket index: the bucket of a key is its hash modulo the number of buckets, and each bucket is
// one file group with a file id that follows from its number, so a writer needs no lookup to place a row.
// https://hudi.apache.org/docs/indexes, class BucketIdentifier.
import { createHash } from 'node:crypto'
import { Operation } from '#catalog/change-batch.ts'
import { bitAt } from '#catalog/column.ts'

export function bucketOf(hash: number, buckets: number): number {
  return (hash & 0x7fffffff) % buckets
}

/**
 * The fixed file id of a bucket; without partitions the form that Hudi's non-blocking concurrency control uses. Those
 * of different partitions differ: incremental queries of Hudi 0.15 know the files of a commit by file id alone, and of
 * two with the same one they read but the last.
 */
export function bucketFileId(bucket: number, partitionPath = ''): string {
  const rest = partitionPath === '' ? '0'.repeat(24) : md5(partitionPath).slice(8)
  const groups = [rest.slice(0, 4), rest.slice(4, 8), rest.slice(8, 12), rest.slice(12)]
  return `${String(bucket).padStart(8, '0')}-${groups.join('-')}-0`
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

/** Rows of a batch that go to one bucket of a partition, in batch order. */
export interface BucketRows {
  partitionPath: string
  bucket: number
  /** Rows to write. */
  live: Int32Array
  /** Rows whose keys are deleted. */
  deleted: Int32Array
}

export interface RowsToSplit {
  rows: number
  hashes: Int32Array
  operations: Uint8Array | null
  /** Bitmap of rows to leave out. */
  superseded: Uint8Array | null
}

/** The rows of each bucket that gets any. */
export function splitByBucket(batch: RowsToSplit, buckets: number): BucketRows[] {
  const { rows, hashes, operations, superseded } = batch
  // Slot 2b counts the live rows of bucket b, slot 2b + 1 its deleted rows.
  const slots = new Int32Array(rows)
  const ends = new Int32Array(buckets * 2 + 1)
  for (let row = 0; row < rows; row++) {
    if (superseded !== null && bitAt(superseded, row)) {
      slots[row] = -1
      continue
    }
    const deleted = operations !== null && operations[row] === Operation.delete ? 1 : 0
    const slot = bucketOf(hashes[row]!, buckets) * 2 + deleted
    slots[row] = slot
    ends[slot + 1]!++
  }
  for (let slot = 0; slot < buckets * 2; slot++) ends[slot + 1]! += ends[slot]!
  const sorted = new Int32Array(ends[buckets * 2]!)
  const next = ends.slice()
  for (let row = 0; row < rows; row++) {
    const slot = slots[row]!
    if (slot >= 0) sorted[next[slot]!++] = row
  }
  const groups: BucketRows[] = []
  for (let bucket = 0; bucket < buckets; bucket++) {
    const live = sorted.subarray(ends[bucket * 2], ends[bucket * 2 + 1])
    const deleted = sorted.subarray(ends[bucket * 2 + 1], ends[bucket * 2 + 2])
    if (live.length + deleted.length > 0) groups.push({ partitionPath: '', bucket, live, deleted })
  }
  return groups
}
