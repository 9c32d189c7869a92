// The rows of a base file, a row group at a time. A small file is read whole, of a larger one only the footer and the
// columns that are wanted.
import { openParquetRanges } from '#lake/parquet/decode-ranges.ts'
import type { RangedParquet } from '#lake/parquet/decode-ranges.ts'
import type { DecodeOptions } from '#lake/parquet/decode.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { missingFile } from './damage.ts'
import type { DataFile } from './data-file.ts'
import type { Rows } from './wanted-rows.ts'
import { recordKeyField } from './wanted-rows.ts'

const wholeFileBytesMax = 4 << 20

/** @throws DataError LAKE_FILE_MISSING, LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED */
export async function openBaseFile(
  { path, sizeBytes }: Pick<DataFile, 'path' | 'sizeBytes'>,
  store: ObjectStore,
  options: Omit<DecodeOptions, 'context'> = {},
): Promise<RangedParquet> {
  const context = { table: store.url, path }
  const present = (bytes: Uint8Array | null): Uint8Array => {
    if (bytes === null) throw missingFile(store, path)
    return bytes
  }
  if (sizeBytes <= wholeFileBytesMax)
    return openParquet(present(await store.get(path)), { ...options, context })
  const read = async (start: number, length: number): Promise<Uint8Array> =>
    present(await store.getRange(path, start, length))
  return openParquetRanges({ read, sizeBytes }, { ...options, context })
}

/** The columns of these names, those of them that the file has. */
export async function* baseRows(
  file: Pick<DataFile, 'path' | 'sizeBytes'>,
  query: { store: ObjectStore; pause?: () => Promise<void> },
  names: readonly string[],
): AsyncGenerator<Rows> {
  // Every file has this column, so that rows are counted even where all others are absent.
  const columns = names.includes(recordKeyField) ? names : [...names, recordKeyField]
  const open = await openBaseFile(file, query.store, { columns })
  yield* open.pacedSlices(query.pause ?? (() => Promise.resolve()))
}
