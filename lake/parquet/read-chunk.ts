// The pages of one column chunk: checksum, decompression, levels, values. Data pages of both versions.
//
//   version 1 := compressed(repetition levels, definition levels, values), each level run with its uint32 length
//   version 2 := repetition levels, definition levels, compressed(values); the header has the lengths
import { brotliDecompressSync, crc32, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { ColumnMetaData, PageHeader } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { checkThrift } from './check-thrift.ts'
import { bitWidth } from './hybrid.ts'
import { PageReader } from './page-reader.ts'
import { RawValues } from './raw-values.ts'
import { readHybrid } from './read-hybrid.ts'
import type { ReadLeaf } from './read-schema.ts'
import { DataError } from '#common/errors.ts'
import { decodeSnappyBlock } from '#common/snappy.ts'

/** Offsets of values are 32 bits. */
const slotsMax = 2 ** 31 - 2

export interface RawChunk {
  /** Values that are there. */
  values: RawValues
  /** Null: every slot is at the highest level. */
  definition: Uint8Array | null
  /** Null: the column has no list. */
  repetition: Uint8Array | null
  slots: number
}

interface Page {
  header: PageHeader
  body: Uint8Array
}

/** Where a chunk's bytes are in its file: the first, and the one after the last. @throws RangeError */
export function chunkRange(chunk: ColumnMetaData): { start: number; end: number } {
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset)
  const size = Number(chunk.total_compressed_size)
  if (!(start >= 0 && size >= 0)) throw new RangeError('a chunk that is nowhere')
  return { start, end: start + size }
}

/**
 * The column's chunk of a row group of `rows` rows.
 * @param bytes those of the chunk alone
 * @throws any error when the bytes are damaged; DataError LAKE_ENCODING_UNSUPPORTED.
 */
export function readChunk(bytes: Uint8Array, leaf: ReadLeaf, chunk: ColumnMetaData, rows: number): RawChunk {
  if (chunk.type !== leaf.element.type) throw new RangeError('a chunk of another type than its column')
  const slots = Number(chunk.num_values)
  // Memory is taken for as many slots as the chunk claims. A slot is a row, unless there are lists; then the pages
  // have to claim as many.
  if (leaf.repetitionMax === 0 ? slots !== rows : !(slots >= rows))
    throw new RangeError('a chunk has not the slots its rows need')
  const pages = pagesOf(bytes, chunk)
  if (pages.reduce((sum, { header }) => sum + slotsOf(header), 0) !== slots)
    throw new RangeError('the pages have not as many slots as their chunk')
  const reader = new ChunkReader(leaf, chunk, slots)
  for (const { header, body } of pages) reader.page(header, body)
  const { values, repetition, definition } = reader
  return { values, repetition, definition: values.length === slots ? null : definition, slots }
}

/** @throws RangeError when a page of the chunk is damaged */
export function checkPages(bytes: Uint8Array, chunk: ColumnMetaData): void {
  pagesOf(bytes, chunk)
}

/** Every page of the chunk, its checksum verified. */
function pagesOf(bytes: Uint8Array, chunk: ColumnMetaData): Page[] {
  const size = bytes.length
  if (size !== Number(chunk.total_compressed_size)) throw new RangeError('a chunk beyond the file')
  // No codec shrinks a slot below a thousandth of a bit: more slots than that are a damaged number.
  if (chunk.num_values > Math.min(size * 2 ** 20, slotsMax))
    throw new RangeError('a chunk of more slots than its bytes can hold')
  const cursor = { view: new DataView(bytes.buffer, bytes.byteOffset, size), offset: 0 }
  const pages: Page[] = []
  for (let left = Number(chunk.num_values); left > 0;) {
    checkThrift(bytes, cursor.offset)
    const header = parquetHeader(cursor)
    const end = cursor.offset + header.compressed_page_size
    // Also true of a size that is no number.
    if (!(end >= cursor.offset && end <= size)) throw new RangeError('a page beyond its chunk')
    const body = bytes.subarray(cursor.offset, end)
    if (header.crc !== undefined && (crc32(body) | 0) !== header.crc)
      throw new RangeError('a page is damaged')
    pages.push({ header, body })
    left -= slotsOf(header)
    cursor.offset = end
  }
  return pages
}

/** 0 for pages without data. */
function slotsOf({ data_page_header: version1, data_page_header_v2: version2 }: PageHeader): number {
  const slots = (version1 ?? version2)?.num_values ?? 0
  if (!(Number.isInteger(slots) && slots >= 0)) throw new RangeError('a page has fewer than no slots')
  return slots
}

class ChunkReader {
  /** Slots read so far. */
  read = 0
  readonly values: RawValues
  readonly definition: Uint8Array | null
  readonly repetition: Uint8Array | null
  readonly #leaf: ReadLeaf
  readonly #chunk: ColumnMetaData
  #dictionary: RawValues | null = null

  constructor(leaf: ReadLeaf, chunk: ColumnMetaData, slots: number) {
    this.#leaf = leaf
    this.#chunk = chunk
    this.values = new RawValues(chunk.type, leaf.element.type_length ?? 0, slots)
    this.definition = leaf.definitionMax > 0 ? new Uint8Array(slots) : null
    this.repetition = leaf.repetitionMax > 0 ? new Uint8Array(slots) : null
  }

  page(header: PageHeader, body: Uint8Array): void {
    const size = header.uncompressed_page_size
    if (header.dictionary_page_header) {
      const count = header.dictionary_page_header.num_values
      // The shortest value is a bit.
      if (!(count >= 0 && count <= size * 8)) throw new RangeError('a dictionary larger than its page')
      this.#dictionary = new RawValues(this.#chunk.type, this.#leaf.element.type_length ?? 0, count)
      this.#dictionary.read(new PageReader(this.#decompress(body, size)), count, 'PLAIN')
    } else if (header.data_page_header) {
      const { num_values: slots, encoding } = header.data_page_header
      const page = new PageReader(this.#decompress(body, size))
      this.#levels(page, slots, this.repetition, this.#leaf.repetitionMax)
      this.#levels(page, slots, this.definition, this.#leaf.definitionMax)
      this.#values(page, slots, encoding)
    } else if (header.data_page_header_v2) this.#version2(header, body)
  }

  #version2(header: PageHeader, body: Uint8Array): void {
    const v2 = header.data_page_header_v2!
    const levelBytes = v2.repetition_levels_byte_length + v2.definition_levels_byte_length
    const levels = new PageReader(body)
    this.#levels(
      levels,
      v2.num_values,
      this.repetition,
      this.#leaf.repetitionMax,
      v2.repetition_levels_byte_length,
    )
    this.#levels(
      levels,
      v2.num_values,
      this.definition,
      this.#leaf.definitionMax,
      v2.definition_levels_byte_length,
    )
    const rest = body.subarray(levelBytes)
    const size = header.uncompressed_page_size - levelBytes
    const values = v2.is_compressed === false ? rest : this.#decompress(rest, size)
    this.#values(new PageReader(values), v2.num_values, v2.encoding)
  }

  // oxlint-disable-next-line max-params -- one of the two level runs of a page, in the order of the grammar above
  #levels(page: PageReader, slots: number, into: Uint8Array | null, max: number, bytes?: number): void {
    if (into === null) return
    const size = bytes ?? page.uint32()
    if (!(size >= 0 && size <= page.left)) throw new RangeError('levels beyond their page')
    const end = page.at + size
    readHybrid(page, bitWidth(max), end, into.subarray(this.read, this.read + slots))
    page.at = end
  }

  #values(page: PageReader, slots: number, encoding: string): void {
    const present = this.#present(slots)
    if (encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY') {
      if (this.#dictionary === null) throw new RangeError('a dictionary is missing')
      const codes = new Int32Array(present)
      if (present > 0) {
        const width = page.byte()
        if (width > 24) throw new RangeError('codes are too wide')
        readHybrid(page, width, page.bytes.length, codes)
      }
      this.values.pick(this.#dictionary, codes)
    } else this.values.read(page, present, encoding)
    this.read += slots
  }

  #present(slots: number): number {
    const { definition } = this
    if (definition === null) return slots
    const max = this.#leaf.definitionMax
    let present = 0
    for (let at = this.read, end = at + slots; at < end; at++) if (definition[at] === max) present++
    return present
  }

  #decompress(body: Uint8Array, size: number): Uint8Array {
    const page = decompress(body, size, this.#chunk.codec)
    if (page.length !== size) throw new RangeError('a page has not the size it should have')
    return page
  }
}

function decompress(body: Uint8Array, size: number, codec: string): Uint8Array {
  if (size === 0) return new Uint8Array(0)
  // With room to spare in the first buffer of a page of usual size: else the output is put together from several.
  const limit = { maxOutputLength: size, chunkSize: Math.min(size + 64, 4 << 20) }
  switch (codec) {
    case 'UNCOMPRESSED':
      return body
    case 'ZSTD':
      return zstdDecompressSync(body, limit)
    case 'GZIP':
      return gunzipSync(body, limit)
    case 'BROTLI':
      return brotliDecompressSync(body, limit)
    case 'SNAPPY':
      return decodeSnappyBlock(body, size)
    default:
      throw new DataError(`Parquet codec ${codec} cannot be read`, {
        code: 'LAKE_ENCODING_UNSUPPORTED',
        context: { codec },
      })
  }
}
