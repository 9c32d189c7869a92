// Decides for each row of a batch in which partition it is written, and where its key is deleted because the row
// moved: two rows of one key in two partitions would both be read.
import type { ChangedRows } from './fill-unchanged.ts'
import { rowsToSplit, withUnchanged } from './fill-unchanged.ts'
import { splitByPartition } from '#lake/partition/partition-buckets.ts'
import { partitionRows } from '#lake/partition/partition-values.ts'
import type { Partitioning } from './partitioning.ts'
import { placeByLookUp } from './place-by-lookup.ts'
import { placeByRow } from './place-by-row.ts'
import type { PlacedInBuckets, StageContext } from './stage-context.ts'

const nothing = { rows: [], partitions: [] }

export async function placeInPartitions(
  changed: ChangedRows,
  partitioning: Partitioning,
  context: StageContext,
): Promise<PlacedInBuckets> {
  if (partitioning.by === 'lookUp') return placeByLookUp(changed, partitioning, context)
  if (partitioning.by === 'row') return placeByRow(changed, partitioning, context)
  const { rules, numbers } = partitioning
  const { columns, partitions } = partitionRows(changed.columns, changed.batch.length, rules, numbers)
  const filled = await withUnchanged({ ...changed, columns }, partitions, context)
  const placed = { ...rowsToSplit(changed), partitions, left: nothing }
  return { columns: filled, buckets: splitByPartition(placed, context.definition.buckets, numbers.paths) }
}
