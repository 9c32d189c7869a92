// Column chunks of a file of ours as they are stored, to go into another file as they are: neither unpacked nor packed
// again. What the footer says of a chunk goes with it. The statistics are taken from the footer's bytes, since they are
// not to be changed by being understood.
import type { RowGroup } from 'hyparquet'
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js'
import type { ColumnChunk } from './column-chunk.ts'
import type { ByteRange } from './decode.ts'
import { writtenByUs } from './encode.ts'
import type { Compression } from './format.ts'
import { Codec } from './format.ts'
import { checkPages, chunkRange } from './read-chunk.ts'
import { footerBytes } from './read-footer.ts'
import type { Statistics } from './statistics.ts'

/** A thrift struct by field numbers. */
type Fields = Record<string, unknown>

/** Length of the footer, magic. */
const tailBytes = 8

export interface WantedChunk {
  /** Number of the row group. */
  group: number
  column: string
  /** Of the file it is to go into. */
  compression: Compression
  /** Gives the bytes of a range of the file. */
  bytesAt: (range: ByteRange) => Uint8Array
}

export class StoredChunks {
  readonly #groups: readonly RowGroup[]
  /** The same from the footer's bytes; null: another engine wrote the file, and may pack it in other ways. */
  readonly #raw: readonly Fields[] | null

  /**
   * @param end the end of the file, the footer and what is behind it at least
   * @param groups as the footer gives them
   * @throws any error when the bytes are damaged
   */
  constructor(end: Uint8Array, groups: readonly RowGroup[]) {
    this.#groups = groups
    const footer = end.subarray(end.length - footerBytes(end), end.length - tailBytes)
    const view = new DataView(footer.buffer, footer.byteOffset, footer.length)
    const metadata = deserializeTCompactProtocol({ view, offset: 0 }) as Fields
    this.#raw = writtenByUs(textOf(metadata['field_6'])) ? (metadata['field_4'] as Fields[]) : null
  }

  /**
   * The chunk of a column of ours, its checksums verified; null when it cannot go into a file of that compression as
   * it is. @throws any error when the bytes are damaged
   */
  chunk({ group, column, compression, bytesAt }: WantedChunk): ColumnChunk | null {
    if (this.#raw === null) return null
    const { columns } = this.#groups[group]!
    const isPart = ({ meta_data: data }: RowGroup['columns'][number]): boolean =>
      data?.path_in_schema[0] === column
    const index = columns.findIndex(isPart)
    // Of several chunks: a struct or a map.
    if (columns.findLastIndex(isPart) !== index) return null
    const parsed = columns[index]?.meta_data
    const raw = (this.#raw[group]!['field_1'] as Fields[])[index]?.['field_3'] as Fields | undefined
    if (parsed === undefined || raw === undefined || raw['field_4'] !== Codec[compression]) return null
    const range = chunkRange(parsed)
    const bytes = bytesAt(range)
    checkPages(bytes, parsed)
    const pages = (raw['field_13'] as Fields[] | undefined) ?? []
    return {
      pages: [bytes],
      slots: Number(parsed.num_values),
      compressedBytes: bytes.length,
      uncompressedBytes: Number(parsed.total_uncompressed_size),
      dictionary: parsed.dictionary_page_offset !== undefined,
      dataOffset: Number(parsed.data_page_offset) - range.start,
      dataPages: pages.reduce((sum, page) => sum + (page['field_1'] === 0 ? Number(page['field_3']) : 0), 0),
      statistics: statisticsOf((raw['field_12'] ?? {}) as Fields),
    }
  }
}

function statisticsOf(raw: Fields): Statistics {
  const { field_5: max, field_6: min } = raw
  return {
    nullCount: Number(raw['field_3'] ?? 0),
    bounds: max instanceof Uint8Array && min instanceof Uint8Array ? { min, max } : null,
  }
}

function textOf(bytes: unknown): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : ''
}
