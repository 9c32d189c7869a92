// Whether the keys of a table that another engine made lie in the buckets where the writer would look for them, under
// the names it would give them. Were one of them elsewhere, its next change would make a second row of it.
import type { AdoptedTable } from './adoptable.ts'
import { notAdoptable } from './adoptable.ts'
import { bucketOf } from '#lake/key/bucket.ts'
import { writtenConfig } from './lookup.ts'
import { recordKeys } from '#lake/key/record-key.ts'
import { TableFiles } from './table-files.ts'
import type { BinaryVector } from '#catalog/column.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { readSlice } from '#lake/reader/slice-reader.ts'
import { recordKeyField } from '#lake/reader/wanted-rows.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

/** Reads the key columns of the whole table. @throws ConfigError LAKE_NOT_ADOPTABLE */
export async function checkBuckets(store: ObjectStore, { definition }: AdoptedTable): Promise<void> {
  if (definition.kind === 'append') return
  const files = await TableFiles.load(store, 2)
  const buckets = new Set<number>()
  for (const slice of files.slices) {
    const bucket = /^\d{8}-/.test(slice.fileId) ? Number(slice.fileId.slice(0, 8)) : NaN
    if (!(bucket < definition.buckets))
      throw notAdoptable(store.url, `file group ${slice.fileId} is none of ${definition.buckets} buckets`)
    if (buckets.has(bucket)) throw notAdoptable(store.url, `bucket ${bucket} has two file groups`)
    buckets.add(bucket)
    await checkSlice(slice, bucket, { store, files, definition })
  }
}

async function checkSlice(
  slice: FileSlice,
  bucket: number,
  { store, files, definition }: AdoptedTable & { store: ObjectStore; files: TableFiles },
): Promise<void> {
  const { key, columns } = definition.schema
  const keyColumns = key.map(name => columns.find(column => column.name === name)!)
  const query = {
    store,
    config: writtenConfig(definition),
    timeline: files.timeline,
    columns: [{ name: recordKeyField, type: { kind: 'string' }, nullable: true } as const, ...keyColumns],
    only: null,
  }
  for await (const batch of readSlice(slice, query)) {
    const stored = batch.columns[0]!.vector as BinaryVector
    const { keys, hashes } = recordKeys(batch.columns.slice(1), batch.rows)
    for (let row = 0; row < batch.rows; row++) {
      const [is, wanted] = [textAt(stored, row), textAt(keys, row)]
      if (is !== wanted) throw notAdoptable(store.url, `the record key ${is} would be ${wanted}`)
      if (bucketOf(hashes[row]!, definition.buckets) !== bucket)
        throw notAdoptable(store.url, `the key ${is} is not in its bucket of ${definition.buckets}`)
    }
  }
}

function textAt({ data, offsets }: BinaryVector, row: number): string {
  return Buffer.from(data.subarray(offsets[row]!, offsets[row + 1]!)).toString('utf8')
}
