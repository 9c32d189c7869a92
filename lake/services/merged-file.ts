// A file slice as one new base file: its rows as they stand, each with the instant and sequence number it came
// with. The base file is read by row groups, and the new one is made of small ones, so that what is decoded at a
// time stays small; held in memory are the logs, and the old and the new base file compressed.
import type { ColumnVector } from '#catalog/column.ts'
import { vectorBytes } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { metaFields } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { ParquetFile } from '#lake/parquet/encode.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import type { RowBatch, SliceQuery } from '#lake/reader/slice-reader.ts'
import { readSlice } from '#lake/reader/slice-reader.ts'
import { baseFileOptions } from '#lake/table/base-file.ts'
import { nullVector } from '#lake/table/project.ts'

const rowGroupBytes = 8 << 20
const rowGroupRowsMax = 1 << 17
const fileNameField = '_hoodie_file_name'

export interface MergedFileOptions {
  /** Name of the file to be. */
  fileName: string
  /** The table's columns. */
  schema: TableSchema
  /** The same, with meta fields. */
  avroSchema: AvroRecordSchema
  query: Omit<SliceQuery, 'columns' | 'only'>
  pause: () => Promise<void>
}

export async function mergedFile(
  slice: FileSlice,
  { fileName, schema, avroSchema, query, pause }: MergedFileOptions,
): Promise<{ bytes: Uint8Array; rows: number }> {
  const columns = [...metaFields.map(metaColumn), ...schema.columns]
  const empty = columns.map(({ name, type }) => ({ name, vector: nullVector(type, 0), nullable: true }))
  const file = new ParquetFile(empty, baseFileOptions(avroSchema))
  let gathered: RowBatch[] = []
  let bytes = 0
  const write = async (): Promise<void> => {
    await pause()
    const joined = joinedColumns(gathered, fileName)
    const rows = gathered.reduce((sum, batch) => sum + batch.rows, 0)
    const step = rowsOfGroup(rows, bytes)
    for (let from = 0; from < rows; from += step) {
      await pause()
      file.addRowGroup(joined, { from, to: Math.min(rows, from + step) })
    }
    gathered = []
    bytes = 0
  }
  for await (const batch of readSlice(slice, { ...query, columns, only: null, pause })) {
    gathered.push(batch)
    bytes += batch.columns.reduce((sum, { vector }) => sum + vectorBytes(vector), 0)
    if (bytes >= rowGroupBytes) await write()
  }
  if (gathered.length > 0) await write()
  return { bytes: file.finish(), rows: file.rows }
}

function metaColumn(name: string): Column {
  return { name, type: { kind: 'string' }, nullable: true }
}

function joinedColumns(batches: readonly RowBatch[], fileName: string): NamedVector[] {
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0)
  const joined = (index: number): ColumnVector => {
    const vectors = batches.map(batch => batch.columns[index]!.vector)
    return vectors.length === 1 ? vectors[0]! : concatVectors(vectors)
  }
  return batches[0]!.columns.map((column, index) => ({
    ...column,
    vector: column.name === fileNameField ? constantStrings(fileName, rows) : joined(index),
  }))
}

/** A multiple of 8 (see ParquetFile.addRowGroup). */
function rowsOfGroup(rows: number, bytes: number): number {
  const byBytes = Math.floor((rowGroupBytes / Math.max(bytes, 1)) * rows)
  return Math.max(8, Math.min(byBytes, rowGroupRowsMax) & ~7)
}
