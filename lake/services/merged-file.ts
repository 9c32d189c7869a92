// A file slice as one new base file: its rows as they stand, each with the instant and sequence number it came
// with. The base file is read by row groups, and the new one is made of small ones that leave memory when they are
// encoded. So what is held is what the merge of the logs holds (reader/slice-merge.ts), and a few row groups.
import type { Column, TableSchema } from '#catalog/types.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { ParquetFile } from '#lake/parquet/encode.ts'
import type { Compression } from '#lake/parquet/format.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import type { RowBatch, SliceQuery } from '#lake/reader/slice-reader.ts'
import { readSlice } from '#lake/reader/slice-reader.ts'
import { baseFileOptions } from '#lake/table/base-file.ts'
import { withMetaColumns } from '#lake/table/meta-columns.ts'
import { nullVector } from '#lake/table/project.ts'
import { RowGroups } from '#lake/table/row-groups.ts'

export interface NewBaseFile {
  /** Name of the file to be. */
  fileName: string
  partitionPath: string
  /** The table's columns. */
  schema: TableSchema
  /** The same, with meta fields. */
  avroSchema: AvroRecordSchema
  /** zstd when absent. */
  compression?: Compression
  /** Awaited between pieces of work. */
  pause: () => Promise<void>
}

/** A base file made of rows as they come, and given out bit by bit. */
export class StreamedBaseFile {
  readonly #options: NewBaseFile
  readonly #file: ParquetFile

  constructor(options: NewBaseFile) {
    this.#options = options
    const empty = withMetaColumns(options.schema.columns).map(({ name, type }) => ({
      name,
      vector: nullVector(type, 0),
      nullable: true,
    }))
    this.#file = new ParquetFile(empty, baseFileOptions(options.avroSchema, options.compression))
  }

  /** What to read of rows for the file: the columns that are not the same in all of them. */
  get columns(): Column[] {
    return withMetaColumns(this.#options.schema.columns).filter(({ name }) => !this.#constants.has(name))
  }

  /** Of what has been given out. */
  get rows(): number {
    return this.#file.rows
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes
  }

  /** The file's bytes; the batches have its `columns`. */
  async *chunks(batches: AsyncIterable<RowBatch>): AsyncGenerator<Uint8Array> {
    const groups = new RowGroups(this.#file, this.#options.pause)
    for await (const { rows, columns } of batches) {
      await groups.add(this.#withConstants(columns, rows), rows)
      yield* this.#file.take()
    }
    await groups.flush()
    yield* this.#file.take()
    yield this.#file.finish()
  }

  get #constants(): ReadonlyMap<string, string> {
    const { fileName, partitionPath } = this.#options
    return new Map([
      ['_hoodie_partition_path', partitionPath],
      ['_hoodie_file_name', fileName],
    ])
  }

  #withConstants(columns: readonly NamedVector[], rows: number): NamedVector[] {
    const constants = this.#constants
    const found = new Map(columns.map(column => [column.name, column]))
    return withMetaColumns(this.#options.schema.columns).map(({ name }) => {
      const constant = constants.get(name)
      return constant === undefined
        ? found.get(name)!
        : { name, vector: constantStrings(constant, rows), nullable: true }
    })
  }
}

/** The bytes of the file that holds the rows of a slice. */
export function mergedFile(
  slice: FileSlice,
  file: StreamedBaseFile,
  query: Omit<SliceQuery, 'columns' | 'only'>,
): AsyncGenerator<Uint8Array> {
  return file.chunks(readSlice(slice, { ...query, columns: file.columns, only: null }))
}
