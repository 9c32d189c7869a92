// The partitions of rows whose keys have one row in the whole table, wherever it is. The row of a key that moves is
// deleted in the partition it leaves, in the same commit, with the sequence of the change that moves it.
import type { BinaryVector } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'
import type { BucketRows } from '#lake/key/bucket.ts'
import { splitByBucket } from '#lake/key/bucket.ts'
import type { ChangedRows } from './fill-unchanged.ts'
import { rowsToSplit, withUnchanged } from './fill-unchanged.ts'
import type { KeyLocations } from './key-locations.ts'
import { groupsOfBucket } from './key-locations.ts'
import type { CommitView } from './lookup.ts'
import { stagedView } from './lookup.ts'
import { parseFileGroupKey } from './names.ts'
import { splitByPartition } from '#lake/partition/partition-buckets.ts'
import { partitionRows } from '#lake/partition/partition-values.ts'
import type { Partitioning } from './partitioning.ts'
import type { PlacedInBuckets, StageContext } from './stage-context.ts'

type ByLookUp = Extract<Partitioning, { by: 'lookUp' }>

export async function placeByLookUp(
  given: ChangedRows,
  { rules, numbers, locations }: ByLookUp,
  context: StageContext,
): Promise<PlacedInBuckets> {
  const view = onFirstUse(() => stagedView(context))
  const present = await presentRows(given, locations, { view, buckets: context.definition.buckets })
  const changed = { ...given, changes: { ...given.changes, superseded: present.superseded } }
  const filled = await withUnchanged(changed, present.partitions, context)
  const { columns, partitions } = partitionRows(filled, given.batch.length, rules, numbers)
  const left = { rows: [] as number[], partitions: [] as number[] }
  const split = rowsToSplit(changed)
  for (const rows of splitByBucket(split, context.definition.buckets)) {
    for (const row of rows.deleted) {
      const known = present.partitions[row] === -1 ? present.buried[row]! : present.partitions[row]!
      partitions[row] = known === -1 ? await anyPartition(rows.bucket) : known
    }
    for (const row of rows.live) {
      const before = present.partitions[row]!
      if (before === -1 || before === partitions[row]) continue
      left.rows.push(row)
      left.partitions.push(before)
    }
    remember(changed, { ...rows, partitions }, locations)
  }
  const placed = { ...split, partitions, left }
  return { columns, buckets: splitByPartition(placed, context.definition.buckets, numbers.paths) }

  // The delete of a key that is nowhere is kept, for an older row may come yet: any group of the bucket will do.
  async function anyPartition(bucket: number): Promise<number> {
    const group = groupsOfBucket(await view(), bucket)[0]
    return group === undefined ? -1 : numbers.of(parseFileGroupKey(group).partitionPath)
  }
}

function onFirstUse<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => (made ??= make())
}

interface PresentRows {
  /** Per row the number of the partition in which its key lives, or −1. */
  partitions: Int32Array
  /** Per row the number of the partition in which its key was deleted last, or −1. */
  buried: Int32Array
  /** Rows of no effect: a later row of the batch has the key, or the table has a newer change of it. */
  superseded: Uint8Array | null
}

/** What the table has of the keys of a batch. */
async function presentRows(
  changed: ChangedRows,
  locations: KeyLocations,
  { view, buckets }: { view: () => Promise<CommitView>; buckets: number },
): Promise<PresentRows> {
  const { batch, keys } = changed
  const partitions = new Int32Array(batch.length).fill(-1)
  const buried = new Int32Array(batch.length).fill(-1)
  let { superseded } = changed.changes
  const split = { ...rowsToSplit(changed), operations: null }
  for (const { bucket, live } of splitByBucket(split, buckets)) {
    const asked = gather(keys.keys, live, live.length) as BinaryVector
    const table = await locations.of(bucket, asked, view)
    for (const [index, row] of live.entries()) {
      const location = table.get(asked, index)
      if (location === null) continue
      if (location.isDeleted) buried[row] = location.partition
      else partitions[row] = location.partition
      // Late: beside the newer row, in another partition, it would be read.
      if (location.sequence > batch.sequences[row]!) {
        if (superseded === changed.changes.superseded)
          superseded = superseded?.slice() ?? new Uint8Array((batch.length + 7) >> 3)
        superseded![row >> 3]! |= 1 << (row & 7)
      }
    }
  }
  return { partitions, buried, superseded }
}

function remember(
  { batch, keys }: ChangedRows,
  {
    bucket,
    live,
    deleted,
    partitions,
  }: Pick<BucketRows, 'bucket' | 'live' | 'deleted'> & { partitions: Int32Array },
  locations: KeyLocations,
): void {
  locations.update(bucket, table => {
    for (const [rows, isDeleted] of [
      [deleted, true],
      [live, false],
    ] as const)
      for (const row of rows) {
        const partition = partitions[row]!
        if (partition !== -1)
          table.put(keys.keys, row, { partition, sequence: batch.sequences[row]!, isDeleted })
      }
  })
}
