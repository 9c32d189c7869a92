// The partitions of rows whose keys are unique in a partition only: a change is for the partition its row names. A
// delete names none, since of a delete nothing is known but the key; it deletes the key wherever it is.
import { Operation } from '#catalog/change-batch.ts'
import { bitAt } from '#catalog/column.ts'
import { KeyIndex } from '#lake/reader/key-index.ts'
import { splitByBucket } from '#lake/key/bucket.ts'
import type { ChangedRows } from './fill-unchanged.ts'
import { rowsToSplit, withUnchanged } from './fill-unchanged.ts'
import { groupsOfBucket } from './key-locations.ts'
import { readKeys, stagedView } from './lookup.ts'
import { parseFileGroupKey } from './names.ts'
import { splitByPartition } from '#lake/partition/partition-buckets.ts'
import type { PartitionNumbers } from '#lake/partition/partition-values.ts'
import { partitionRows } from '#lake/partition/partition-values.ts'
import type { Partitioning } from './partitioning.ts'
import type { PlacedInBuckets, StageContext } from './stage-context.ts'

type ByRow = Extract<Partitioning, { by: 'key' | 'row' }>

export async function placeByRow(
  given: ChangedRows,
  { rules, numbers }: ByRow,
  context: StageContext,
): Promise<PlacedInBuckets> {
  const { batch } = given
  const named = partitionRows(given.columns, batch.length, rules, numbers).partitions
  const sources = rules.map(({ column }) => given.columns.find(({ name }) => name === column)!.vector)
  // The source left out what would name the partition: the row stays where it is.
  const isUnnamed = (row: number): boolean =>
    sources.some(({ unchanged }) => unchanged !== null && bitAt(unchanged, row))
  const hasHole = (row: number): boolean =>
    given.columns.some(({ vector: { unchanged } }) => unchanged !== null && bitAt(unchanged, row))
  const holders = await holdersOf(given, hasHole, { numbers, context })
  const partitions = followed(given, named, { isUnnamed, holders })
  const { superseded, left } = finalInPartitions(given, partitions, holders)
  const changed = { ...given, changes: { ...given.changes, superseded } }
  const filled = await withUnchanged(changed, sourcesOf(partitions, holders), context)
  const placed = partitionRows(filled, batch.length, rules, numbers)
  for (let row = 0; row < batch.length; row++) if (isDelete(given, row)) placed.partitions[row] = -1
  const split = { ...rowsToSplit(changed), partitions: placed.partitions, left }
  return {
    columns: placed.columns,
    buckets: splitByPartition(split, context.definition.buckets, numbers.paths),
  }
}

/** By row, the partitions that have its key. */
type Holders = ReadonlyMap<number, readonly number[]>

/** Looks up the keys of deletes, and of rows whose values were left out in part. */
async function holdersOf(
  { batch, keys }: ChangedRows,
  hasHole: (row: number) => boolean,
  { numbers, context }: { numbers: PartitionNumbers; context: StageContext },
): Promise<Holders> {
  const holders = new Map<number, number[]>()
  const others = new Uint8Array((batch.length + 7) >> 3)
  let any = false
  for (let row = 0; row < batch.length; row++) {
    if (batch.operations?.[row] === Operation.delete || hasHole(row)) any = true
    else others[row >> 3]! |= 1 << (row & 7)
  }
  if (!any) return holders
  const view = await stagedView(context)
  const split = { rows: batch.length, hashes: keys.hashes, operations: null, superseded: others }
  for (const { bucket, live } of splitByBucket(split, context.definition.buckets)) {
    const asked = new KeyIndex()
    const rowsOf: number[][] = []
    for (const row of live) (rowsOf[asked.add(keys.keys, row)] ??= []).push(row)
    for (const group of groupsOfBucket(view, bucket)) {
      const partition = numbers.of(parseFileGroupKey(group).partitionPath)
      for await (const found of readKeys(view, group, { only: asked, columns: [] }))
        for (let at = 0; at < found.keys.length; at++)
          for (const row of rowsOf[asked.find(found.keys, at)]!)
            holders.set(row, [...(holders.get(row) ?? []), partition])
    }
  }
  return holders
}

/** Per row the partition to look left-out values up in: its own, or another when the key is new there. */
function sourcesOf(partitions: Int32Array, holders: Holders): Int32Array {
  return partitions.map((partition, row) => {
    const known = holders.get(row) ?? []
    return known.includes(partition) ? partition : (known.at(-1) ?? partition)
  })
}

/** Per row its partition, as far as it can be told before left-out values are filled in; −1: none. */
function followed(
  { batch, changes }: ChangedRows,
  named: Int32Array,
  { isUnnamed, holders }: { isUnnamed: (row: number) => boolean; holders: Holders },
): Int32Array {
  const partitions = named.slice()
  for (let row = 0; row < batch.length; row++) {
    if (!isUnnamed(row)) continue
    const before = changes.previous?.[row] ?? -1
    if (before === -1) partitions[row] = holders.get(row)?.at(-1) ?? -1
    else if (batch.operations?.[before] !== Operation.delete) partitions[row] = partitions[before]!
  }
  return partitions
}

/** The last change of each key in each partition, and where deletes apply. */
function finalInPartitions(
  given: ChangedRows,
  partitions: Int32Array,
  holders: Holders,
): { superseded: Uint8Array | null; left: { rows: number[]; partitions: number[] } } {
  const { batch, changes } = given
  const left = { rows: [] as number[], partitions: [] as number[] }
  const superseded = changes.superseded === null ? null : new Uint8Array(changes.superseded.length)
  for (let last = 0; last < batch.length; last++) {
    if (changes.superseded !== null && bitAt(changes.superseded, last)) continue
    const written = new Set<number>()
    let isDeleted = false
    for (let row = last; row !== -1; row = changes.previous?.[row] ?? -1) {
      if (isDeleted || (!isDelete(given, row) && written.has(partitions[row]!)))
        superseded![row >> 3]! |= 1 << (row & 7)
      else if (!isDelete(given, row)) written.add(partitions[row]!)
      else {
        isDeleted = true
        for (const partition of holders.get(row) ?? [])
          if (!written.has(partition)) {
            left.rows.push(row)
            left.partitions.push(partition)
          }
      }
    }
  }
  return { superseded, left }
}

function isDelete({ batch }: ChangedRows, row: number): boolean {
  return batch.operations?.[row] === Operation.delete
}
