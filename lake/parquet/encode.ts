// Columns to a Parquet file. Our vectors are laid out as Parquet's pages want them, so a page costs little more
// than its compression; measured against the WebAssembly build of arrow-rs in bench/micro/encode.ts.
//
//   file := "PAR1" row group* FileMetaData (thrift) uint32 length "PAR1"     row group := column chunk*
import { ByteSink } from './byte-sink.ts'
import type { ColumnChunk } from './column-chunk.ts'
import { encodeColumnChunks } from './column-chunk.ts'
import type { Compression, Leaf, SchemaElement } from './format.ts'
import {
  Codec,
  Encoding,
  leavesOf,
  PageType,
  physicalTypeOf,
  Repetition,
  schemaElements,
  writeSchemaElement,
} from './format.ts'
import { footerChecksumKey, noChecksum, putChecksum } from './footer-checksum.ts'
import type { RowRange } from './row-range.ts'
import { writeStatistics } from './statistics.ts'
import { ThriftWriter } from './thrift.ts'
import { ConstantStrings } from './constant-strings.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { vectorBytes } from '#catalog/column.ts'
import { invariant } from '#common/errors.ts'

export interface NamedVector {
  name: string
  vector: ColumnVector
  nullable: boolean
}

export interface EncodeOptions {
  compression: Compression
  /** Key-value metadata of the footer. */
  keyValues: Readonly<Record<string, string>>
  /** Rows of a row group at most; one also ends at about 32 MiB of values. */
  rowGroupRowsMax?: number
}

interface RowGroup {
  rows: number
  /** Offset of the first page in the file. */
  offset: number
  chunks: ColumnChunk[]
}

const magic = Buffer.from('PAR1')
const rowGroupBytesMax = 32 << 20
const rowGroupRowsMaxDefault = 1 << 20
const createdBy = 'sluice version 1.0.0 (build 1)'

/** @param text what a file says of who wrote it */
export function writtenByUs(text: string): boolean {
  return text.startsWith('sluice ')
}

/** The first `rows` rows of the columns as a whole file. Columns that are not nullable have no null. */
export function encodeParquet(
  columns: readonly NamedVector[],
  rows: number,
  options: EncodeOptions,
): Uint8Array {
  return Buffer.concat(parquetParts(columns, rows, options))
}

/** The same in parts, for who copies them to where they go. */
export function parquetParts(
  columns: readonly NamedVector[],
  rows: number,
  options: EncodeOptions,
): Uint8Array[] {
  const file = new ParquetFile(columns, options)
  const groupRows = rowsOfGroup(columns, rows, options.rowGroupRowsMax ?? rowGroupRowsMaxDefault)
  for (let from = 0; from < rows; from += groupRows)
    file.addRowGroup(columns, { from, to: Math.min(rows, from + groupRows) })
  return [...file.take(), file.finish()]
}

/**
 * A file that is written row group by row group. What is written is kept, compressed, until it is taken or the file is
 * finished; of what was taken only what the footer says of it stays.
 */
export class ParquetFile {
  readonly #options: EncodeOptions
  /** Tell the schema; their rows are not used. */
  readonly #columns: readonly NamedVector[]
  #parts: Uint8Array[] = [magic]
  readonly #groups: RowGroup[] = []
  #offset = magic.length
  #rows = 0

  constructor(columns: readonly NamedVector[], options: EncodeOptions) {
    this.#columns = columns
    this.#options = options
  }

  get rows(): number {
    return this.#rows
  }

  /** Columns named and typed as those of the file; the range begins at a multiple of 8. */
  addRowGroup(columns: readonly NamedVector[], range: RowRange): void {
    const group = this.#beginGroup(columns, range)
    for (const column of columns) this.#addColumn(group, column, range)
    this.#endGroup(group)
  }

  /** As addRowGroup; `pause` is awaited between columns, each of which may take some ten milliseconds. */
  async addPacedRowGroup(
    columns: readonly NamedVector[],
    range: RowRange,
    pause: () => Promise<void>,
  ): Promise<void> {
    const group = this.#beginGroup(columns, range)
    for (const column of columns) {
      await pause()
      this.#addColumn(group, column, range)
    }
    this.#endGroup(group)
  }

  /** As addPacedRowGroup; some of the columns are chunks of another file, as stored-chunks.ts gives them. */
  async addMixedRowGroup(
    columns: readonly (NamedVector | ColumnChunk)[],
    rows: number,
    pause: () => Promise<void>,
  ): Promise<void> {
    const group: RowGroup = { rows, offset: this.#offset, chunks: [] }
    for (const column of columns) {
      await pause()
      if ('pages' in column) this.#addChunk(group, column)
      else this.#addColumn(group, column, { from: 0, to: rows })
    }
    this.#endGroup(group)
  }

  #beginGroup(columns: readonly NamedVector[], { from, to }: RowRange): RowGroup {
    for (const [index, { name, vector }] of columns.entries())
      invariant(
        vector.length >= to && name === this.#columns[index]!.name,
        'A column has fewer rows than the file, or is another one',
        { column: name, rows: to },
      )
    return { rows: to - from, offset: this.#offset, chunks: [] }
  }

  #addColumn(group: RowGroup, { vector, nullable }: NamedVector, range: RowRange): void {
    const { compression } = this.#options
    for (const chunk of encodeColumnChunks(vector, range, { nullable, compression }))
      this.#addChunk(group, chunk)
  }

  #addChunk(group: RowGroup, chunk: ColumnChunk): void {
    for (const page of chunk.pages) this.#parts.push(page)
    chunk.pages = []
    this.#offset += chunk.compressedBytes
    group.chunks.push(chunk)
  }

  #endGroup(group: RowGroup): void {
    this.#rows += group.rows
    this.#groups.push(group)
  }

  /** Bytes of the file so far, taken or not. */
  get sizeBytes(): number {
    return this.#offset
  }

  /** What was written since the last time, in order. */
  take(): Uint8Array[] {
    const parts = this.#parts
    this.#parts = []
    return parts
  }

  /** The rest of the file: all of it when nothing was taken. */
  finish(): Uint8Array {
    const end = footer(this.#columns, this.#rows, { groups: this.#groups, ...this.#options })
    this.#offset += end.length
    this.#parts.push(end)
    return Buffer.concat(this.take())
  }
}

/** A multiple of 8 (see encodeColumnChunk). */
function rowsOfGroup(columns: readonly NamedVector[], rows: number, rowsMax: number): number {
  let bytes = 1
  for (const { vector } of columns) bytes += vector instanceof ConstantStrings ? 0 : vectorBytes(vector)
  const byBytes = Math.floor((rowGroupBytesMax / bytes) * rows)
  return Math.max(8, Math.min(byBytes, rowsMax) & ~7)
}

function footer(
  columns: readonly NamedVector[],
  rows: number,
  file: {
    groups: readonly RowGroup[]
    compression: Compression
    keyValues: Readonly<Record<string, string>>
  },
): Buffer {
  const sink = new ByteSink(1 << 14)
  let checksumEnd = 0
  const thrift = new ThriftWriter(sink)
  const root: SchemaElement = {
    name: 'schema',
    repetition: Repetition.required,
    type: null,
    children: columns.length,
  }
  const elements = columns.flatMap(({ name, vector, nullable }) =>
    schemaElements(name, vector.type, nullable),
  )
  const leaves = columns.flatMap(({ name, vector }) => leavesOf(name, vector.type))
  thrift.struct(() => {
    thrift.i32(1, 1)
    thrift.structList(2, [root, ...elements], element => writeSchemaElement(thrift, element))
    thrift.i64(3, rows)
    thrift.structList(4, file.groups, (group, ordinal) =>
      writeRowGroup(thrift, leaves, group, {
        ordinal,
        codec: Codec[file.compression],
      }),
    )
    thrift.structList(
      5,
      [...Object.entries(file.keyValues), [footerChecksumKey, noChecksum] as const],
      ([key, value]) => {
        thrift.string(1, key)
        thrift.string(2, value)
        // At last this is where the checksum is.
        checksumEnd = sink.at
      },
    )
    thrift.string(6, createdBy)
    // Column orders: min and max follow the order of the type.
    thrift.structList(7, leaves, () => thrift.structField(1, () => {}))
  })
  putChecksum(sink.view(), checksumEnd)
  sink.uint32(sink.at)
  sink.append(magic)
  return sink.take()
}

function writeRowGroup(
  thrift: ThriftWriter,
  leaves: readonly Leaf[],
  group: RowGroup,
  file: { ordinal: number; codec: number },
): void {
  let offset = group.offset
  let uncompressed = 0
  for (const chunk of group.chunks) uncompressed += chunk.uncompressedBytes
  thrift.structList(1, group.chunks, (chunk, index) => {
    thrift.i64(2, 0)
    thrift.structField(3, () =>
      writeColumnMetaData(thrift, leaves[index]!, chunk, { offset, codec: file.codec }),
    )
    offset += chunk.compressedBytes
  })
  thrift.i64(2, uncompressed)
  thrift.i64(3, group.rows)
  thrift.i64(5, group.offset)
  thrift.i64(6, offset - group.offset)
  thrift.i16(7, file.ordinal)
}

function writeColumnMetaData(
  thrift: ThriftWriter,
  leaf: Leaf,
  chunk: ColumnChunk,
  at: { offset: number; codec: number },
): void {
  const encoding = chunk.dictionary ? Encoding.rleDictionary : Encoding.plain
  thrift.i32(1, physicalTypeOf(leaf.type))
  thrift.i32List(2, chunk.dictionary ? [Encoding.plain, Encoding.rle, encoding] : [encoding, Encoding.rle])
  thrift.stringList(3, leaf.path)
  thrift.i32(4, at.codec)
  thrift.i64(5, chunk.slots)
  thrift.i64(6, chunk.uncompressedBytes)
  thrift.i64(7, chunk.compressedBytes)
  thrift.i64(9, at.offset + chunk.dataOffset)
  if (chunk.dictionary) thrift.i64(11, at.offset)
  thrift.structField(12, () => writeStatistics(thrift, chunk.statistics))
  const pages = [{ type: PageType.data as number, encoding: encoding as number, count: chunk.dataPages }]
  if (chunk.dictionary) pages.unshift({ type: PageType.dictionary, encoding: Encoding.plain, count: 1 })
  thrift.structList(13, pages, page => {
    thrift.i32(1, page.type)
    thrift.i32(2, page.encoding)
    thrift.i32(3, page.count)
  })
}
