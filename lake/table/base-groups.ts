// The row groups of a base file that is rewritten, one after the other: of each the bytes are read at once, those of
// the next while this one is worked on. A column is unpacked when it is asked for, or given as it is stored, for who
// changes nothing of it.
import type { RowGroup } from 'hyparquet'
import type { ColumnVector } from '#catalog/column.ts'
import type { Column } from '#catalog/types.ts'
import { typesEqual } from '#catalog/types.ts'
import type { ErrorContext } from '#common/errors.ts'
import type { ColumnChunk } from '#lake/parquet/column-chunk.ts'
import type { ByteRange } from '#lake/parquet/decode.ts'
import { guarded, ParquetLayout } from '#lake/parquet/decode.ts'
import type { Compression } from '#lake/parquet/format.ts'
import { footerBytes, readFooter } from '#lake/parquet/read-footer.ts'
import { StoredChunks } from '#lake/parquet/stored-chunks.ts'
import { conform } from '#lake/reader/conform.ts'
import { missingFile } from '#lake/reader/damage.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

/** Row groups of less, encoded but not compressed, are joined with others. */
const smallBytes = 512 << 10
/** … and those of so much fewer rows than the largest of the file. */
const smallShare = 4
/** Holds the footer of most files. */
const endBytes = 64 << 10

export interface BaseGroup {
  rows: number
  /** Whether it had better be joined with others. */
  isSmall: boolean
  /** By number among the columns asked for, in their types. A column the file lacks is all null. */
  column(index: number): ColumnVector
  /** The column as it is stored; null when it has to be encoded anew. */
  stored(index: number, compression: Compression): ColumnChunk | null
}

/** @throws DataError LAKE_FILE_MISSING, LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED; the groups throw these, too */
export async function* baseGroups(
  store: ObjectStore,
  path: string,
  columns: readonly Column[],
): AsyncGenerator<BaseGroup> {
  const context = { table: store.url, path }
  const read = async (start: number, length: number): Promise<Uint8Array> => {
    const bytes = await store.getRange(path, start, length)
    if (bytes === null) throw missingFile(store, path)
    return bytes
  }
  const end = await readEnd(read, context)
  const file = new BaseFile(end, columns, context)
  const ranges = file.layout.groups.map(group => rangeOf(file.layout, group))
  let next = ranges.length === 0 ? null : readAhead(read, ranges[0]!)
  for (const [at, range] of ranges.entries()) {
    const bytes = await next!
    next = at + 1 < ranges.length ? readAhead(read, ranges[at + 1]!) : null
    yield file.group(at, ({ start, end: to }) => bytes.subarray(start - range.start, to - range.start))
  }
}

type ReadBytes = (start: number, length: number) => Promise<Uint8Array>

async function readEnd(read: ReadBytes, context: ErrorContext): Promise<Uint8Array> {
  const end = await read(-endBytes, endBytes)
  const needed = guarded(context, () => footerBytes(end))
  return needed > end.length && end.length === endBytes ? read(-needed, needed) : end
}

/** A failure is heard of when the bytes are wanted. */
function readAhead(read: ReadBytes, { start, end }: ByteRange): Promise<Uint8Array> {
  const bytes = read(start, end - start)
  bytes.catch(() => undefined)
  return bytes
}

/** From the first wanted column of a row group to the last: in files of ours, all of it. */
function rangeOf(layout: ParquetLayout, group: RowGroup): ByteRange {
  const ranges = layout.ranges(group)
  return {
    start: Math.min(...ranges.map(({ start }) => start)),
    end: Math.max(...ranges.map(({ end }) => end)),
  }
}

class BaseFile {
  readonly layout: ParquetLayout
  readonly #columns: readonly Column[]
  readonly #context: ErrorContext
  readonly #chunks: StoredChunks
  readonly #rowsMax: number

  /** @param end the end of the file, from the footer on at least */
  constructor(end: Uint8Array, columns: readonly Column[], context: ErrorContext) {
    const metadata = guarded(context, () => readFooter(end))
    this.layout = new ParquetLayout(metadata, { columns: columns.map(({ name }) => name), context })
    this.#columns = columns
    this.#context = context
    this.#chunks = guarded(context, () => new StoredChunks(end, this.layout.groups))
    this.#rowsMax = this.layout.groups.reduce((most, group) => Math.max(most, Number(group.num_rows)), 0)
  }

  group(at: number, bytesAt: (range: ByteRange) => Uint8Array): BaseGroup {
    const group = this.layout.groups[at]!
    const rows = Number(group.num_rows)
    return {
      rows,
      isSmall: rows < this.#rowsMax / smallShare || Number(group.total_byte_size) < smallBytes,
      column: index => this.#read(this.#columns[index]!, group, bytesAt),
      stored: (index, compression) => {
        const { name, type } = this.#columns[index]!
        const inFile = this.layout.wanted.find(column => column.name === name)
        if (inFile === undefined || !inFile.nullable || !typesEqual(inFile.node!.type, type)) return null
        const wanted = { group: at, column: name, compression, bytesAt }
        return guarded({ ...this.#context, rowGroup: at, column: name }, () => this.#chunks.chunk(wanted))
      },
    }
  }

  #read(column: Column, group: RowGroup, bytesAt: (range: ByteRange) => Uint8Array): ColumnVector {
    const index = this.layout.wanted.findIndex(({ name }) => name === column.name)
    const read = index < 0 ? [] : [this.layout.readColumn(index, group, bytesAt)]
    return conform(read, Number(group.num_rows), [column])[0]!.vector
  }
}
