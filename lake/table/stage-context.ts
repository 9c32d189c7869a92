// What staging rows of a keyed table has to know and to do it with.
import type { Clock } from '#common/clock.ts'
import type { BucketRows } from '#lake/key/bucket.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { CommitView } from './lookup.ts'
import { fileGroupKey } from './names.ts'
import type { Partitioning } from './partitioning.ts'
import type { SliceHead } from './slice-heads.ts'

export interface StageContext extends Omit<CommitView, 'files'> {
  clock: Clock
  /** The committed files, as the newest state the writer knows has them. */
  currentFiles: () => Promise<CommitView['files']>
  /** Id of a bucket's file group, whether there is one already or not. */
  fileId: (partitionPath: string, bucket: number) => string
  /** The group's newest slice, or null when the table has none, as far as the writer knows. */
  slice: (fileGroup: string) => SliceHead | null
  /** Null: the table has no partitions. */
  partitioning: Partitioning | null
  /** Makes these folders partitions of the table. */
  makePartitions: (paths: readonly string[]) => Promise<void>
  /** Lets others have their turn, if it is time. */
  pause: () => Promise<void>
  /** Looks again, once in a commit: another engine may have made file groups that no journal entry tells of. */
  lookAgain: () => Promise<void>
}

/** A file group by its place. */
export interface Bucket {
  partitionPath: string
  fileId: string
}

export function bucketOfRows({ partitionPath, bucket }: BucketRows, { fileId }: StageContext): Bucket {
  return { partitionPath, fileId: fileId(partitionPath, bucket) }
}

export function groupOf(rows: BucketRows, context: StageContext): string {
  const { partitionPath, fileId } = bucketOfRows(rows, context)
  return fileGroupKey(partitionPath, fileId)
}

/** The rows of a batch, ready to be written. */
export interface PlacedInBuckets {
  columns: readonly NamedVector[]
  buckets: BucketRows[]
}
