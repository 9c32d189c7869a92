// What a writer knows of where keys are, by bucket: a key has the same bucket number in every partition, so the file
// groups of that number hold all there is of it. Kept within a bound of bytes. Of a bucket that fits, every key is
// known, so that an unknown key is a new one; of one that does not fit, what was asked for of late, and the rest is
// looked up in the files each time.
//
// What is known is what the files held when it was read and what this writer staged since. That is enough, although
// others write to the same buckets, since a key belongs to one split at a time and a split to one writer: see
// docs/exactly-once.md. It must be forgotten when this writer takes up splits of others.
import type { BinaryVector, Int64Vector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import { invariant } from '#common/errors.ts'
import { KeyIndex } from '#lake/reader/key-index.ts'
import type { LogRecords } from '#lake/reader/log-reader.ts'
import { readLogs } from '#lake/reader/log-reader.ts'
import { keyColumn, recordKeyField } from '#lake/reader/wanted-rows.ts'
import { bucketFileId } from '#lake/key/bucket.ts'
import { deletedColumn } from './columns.ts'
import { LocationTable } from './location-table.ts'
import type { CommitView } from './lookup.ts'
import { readKeys, stagedGroups, stagedSlice, stagedTimeline } from './lookup.ts'
import { parseFileGroupKey } from './names.ts'
import type { PartitionNumbers } from '#lake/partition/partition-values.ts'

interface KnownBucket {
  table: LocationTable
  /** Whether every key of the bucket is in the table. */
  isComplete: boolean
}

export class KeyLocations {
  readonly #bytesMax: number
  readonly #numbers: PartitionNumbers
  /** By bucket number, the one used last at the end. */
  readonly #buckets = new Map<number, KnownBucket>()

  constructor(numbers: PartitionNumbers, bytesMax: number) {
    this.#numbers = numbers
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    let bytes = 0
    for (const { table } of this.#buckets.values()) bytes += table.bytes
    return bytes
  }

  clear(): void {
    this.#buckets.clear()
  }

  /** A table with all there is of these keys of a bucket. */
  async of(bucket: number, keys: BinaryVector, view: () => Promise<CommitView>): Promise<LocationTable> {
    const known = this.#buckets.get(bucket) ?? (await this.#load(bucket, await view()))
    this.#buckets.delete(bucket)
    this.#buckets.set(bucket, known)
    if (known.isComplete) return known.table
    if (known.table.bytes * 2 > this.#bytesMax) known.table = new LocationTable()
    const missing = missingKeys(known.table, keys)
    if (missing.size === 0) return known.table
    for await (const change of readLocations({ bucket, view: await view(), only: missing }, this.#numbers))
      change(known.table)
    return known.table
  }

  /** Takes in what was staged, if anything is known of the bucket. */
  update(bucket: number, change: (table: LocationTable) => void): void {
    const known = this.#buckets.get(bucket)
    if (known === undefined) return
    change(known.table)
    if (known.table.isFull) forget(known)
  }

  async #load(bucket: number, view: CommitView): Promise<KnownBucket> {
    const table = new LocationTable(bytes => this.#makeRoom(bytes, bucket))
    const known: KnownBucket = { table, isComplete: true }
    this.#buckets.set(bucket, known)
    if (!this.#makeRoom(0, bucket)) {
      forget(known)
      return known
    }
    for await (const change of readLocations({ bucket, view, only: null }, this.#numbers)) {
      change(table)
      if (!table.isFull) continue
      forget(known)
      break
    }
    return known
  }

  /** Forgets other buckets, the one used least lately first, until there is room; false when there is not. */
  #makeRoom(bytes: number, bucket: number): boolean {
    for (const other of this.#buckets.keys()) {
      if (this.bytes + bytes <= this.#bytesMax) return true
      if (other !== bucket) this.#buckets.delete(other)
    }
    return this.bytes + bytes <= this.#bytesMax
  }
}

/** From now on the bucket's files are asked. */
function forget(known: KnownBucket): void {
  known.table = new LocationTable()
  known.isComplete = false
}

function missingKeys(table: LocationTable, keys: BinaryVector): KeyIndex {
  const missing = new KeyIndex()
  for (let row = 0; row < keys.length; row++) if (table.get(keys, row) === null) missing.add(keys, row)
  return missing
}

interface LocationQuery {
  bucket: number
  view: CommitView
  /** Null: all keys of the bucket. */
  only: KeyIndex | null
}

/** The file groups of a bucket number in all partitions. */
export function groupsOfBucket(view: CommitView, bucket: number): string[] {
  const prefix = bucketFileId(bucket).slice(0, 8)
  return stagedGroups(view).filter(group => parseFileGroupKey(group).fileId.startsWith(prefix))
}

/** What the files of a bucket say of keys, in pieces to be put into a table in this order. */
async function* readLocations(
  { bucket, view, only }: LocationQuery,
  numbers: PartitionNumbers,
): AsyncGenerator<(table: LocationTable) => void> {
  for (const group of groupsOfBucket(view, bucket)) {
    const partition = numbers.of(parseFileGroupKey(group).partitionPath)
    // Deletes first: of equal sequences a row that lives came after its delete, or else it would not live.
    yield await readDeletes(view, group, { partition, only })
    for await (const { keys, columns } of readKeys(view, group, { only, columns: [orderingOf(view)] })) {
      const sequences = columns[0] as Int64Vector
      yield table => {
        for (let row = 0; row < keys.length; row++)
          table.put(keys, row, { partition, sequence: sequences.values[row]!, isDeleted: false })
      }
    }
  }
}

function orderingOf({ definition }: CommitView): { name: string; type: { kind: 'int64' }; nullable: true } {
  return { name: definition.orderingField, type: { kind: 'int64' }, nullable: true }
}

async function readDeletes(
  view: CommitView,
  group: string,
  { partition, only }: { partition: number; only: KeyIndex | null },
): Promise<(table: LocationTable) => void> {
  const slice = stagedSlice(view, group)
  invariant(slice !== null, `The file group ${group} is listed and has no file`)
  const { orderingField } = view.definition
  const names = [recordKeyField, orderingField, deletedColumn]
  const steps = await readLogs(slice.logs, { store: view.store, timeline: stagedTimeline(view), names, only })
  return table => {
    for (const step of steps) {
      if (step.kind === 'delete') {
        for (const [row, sequence] of step.orderings.entries())
          if (typeof sequence === 'bigint')
            table.put(step.keys, row, { partition, sequence, isDeleted: true })
      } else putMarkedDeletes(table, step.rows, { partition, orderingField })
    }
  }
}

/** Deletes that are rows with a mark. */
function putMarkedDeletes(
  table: LocationTable,
  { columns, rows, path }: LogRecords,
  { partition, orderingField }: { partition: number; orderingField: string },
): void {
  const marks = columns.find(({ name }) => name === deletedColumn)?.vector
  const sequences = columns.find(({ name }) => name === orderingField)?.vector
  if (marks?.layout !== 'bits' || sequences?.layout !== 'int64') return
  const keys = keyColumn(columns, path)
  for (let row = 0; row < rows; row++)
    if (!isNull(marks, row) && bitAt(marks.values, row))
      table.put(keys, row, { partition, sequence: sequences.values[row]!, isDeleted: true })
}
