// One column of one row group: an optional dictionary page, then data pages (version 1, which every reader
// knows) of about a mebibyte.
// See https://github.com/apache/parquet-format/blob/master/README.md#data-pages.
//
//   chunk := page*     page := PageHeader (thrift) compressed bytes
//   data page := repetition levels, definition levels (each: uint32 length, hybrid), values
import { crc32 } from 'node:zlib'
import { ByteSink } from './byte-sink.ts'
import { compressPage } from './codec.ts'
import { ConstantStrings } from './constant-strings.ts'
import type { Dictionary } from './dictionary.ts'
import { dictionaryOf } from './dictionary.ts'
import type { Compression } from './format.ts'
import { Encoding, PageType } from './format.ts'
import { bitWidth, writeHybrid, writeRun, writeValidity } from './hybrid.ts'
import type { NestedLeaf } from './nested.ts'
import { nestedLeaves } from './nested.ts'
import { writePlain } from './plain.ts'
import type { RowRange } from './row-range.ts'
import { presentRows } from './row-range.ts'
import type { Statistics } from './statistics.ts'
import { boundsOf } from './statistics.ts'
import { ThriftWriter } from './thrift.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'

const pageBytes = 1 << 20

/** An encoded chunk and what the footer says of it. Offsets count from the chunk's start. */
export interface ColumnChunk {
  pages: Uint8Array[]
  slots: number
  compressedBytes: number
  uncompressedBytes: number
  dictionary: boolean
  /** Where the first data page starts. */
  dataOffset: number
  dataPages: number
  statistics: Statistics
}

/**
 * The chunks of a column, one for each of its leaves (format.ts#leavesOf). `range.from` is a multiple of 8, so that
 * validity bitmaps are cut at whole bytes.
 */
export function encodeColumnChunks(
  vector: ColumnVector,
  range: RowRange,
  { nullable, compression }: { nullable: boolean; compression: Compression },
): ColumnChunk[] {
  if (vector.layout === 'list' || vector.layout === 'struct')
    return nestedLeaves(vector, range, nullable).map(leaf => new ChunkWriter(compression).nested(leaf))
  const chunk = new ChunkWriter(compression)
  if (vector instanceof ConstantStrings) return [chunk.constant(vector, range, nullable)]
  return [chunk.flat(vector, range, nullable)]
}

/** Reused by every page of the thread; encoding is synchronous. */
const sink = new ByteSink(pageBytes + (1 << 16))

class ChunkWriter {
  readonly #compression: Compression
  readonly #chunk: ColumnChunk = {
    pages: [],
    slots: 0,
    compressedBytes: 0,
    uncompressedBytes: 0,
    dictionary: false,
    dataOffset: 0,
    dataPages: 0,
    statistics: { nullCount: 0, bounds: null },
  }

  constructor(compression: Compression) {
    this.#compression = compression
  }

  constant(vector: ConstantStrings, range: RowRange, nullable: boolean): ColumnChunk {
    const value = vector.constant
    const rows = range.to - range.from
    sink.uint32(value.length)
    sink.append(value)
    this.#dictionaryPage(1)
    if (nullable) writeLevels(() => writeRun(sink, 1, rows, 1))
    sink.byte(1)
    writeRun(sink, 0, rows, 1)
    this.#dataPage(rows)
    this.#chunk.statistics = { nullCount: 0, bounds: value.length > 64 ? null : { min: value, max: value } }
    return this.#chunk
  }

  flat(vector: ColumnVector, range: RowRange, nullable: boolean): ColumnChunk {
    const validity = vector.nullCount === 0 ? null : vector.validity
    const dictionary = this.#tryDictionary(vector, range)
    let coded = 0
    let present = 0
    for (let from = range.from; from < range.to;) {
      const page = { from, to: pageEnd(vector, from, range.to) }
      const values = presentRows(validity, page)
      if (nullable) writeLevels(() => writeFlatLevels(validity, page, values))
      if (dictionary === null) writePlain(sink, vector, page)
      else writeCodes(dictionary, { from: coded, to: coded + values })
      this.#dataPage(page.to - page.from)
      coded += values
      present += values
      from = page.to
    }
    this.#chunk.statistics.nullCount = range.to - range.from - present
    return this.#chunk
  }

  nested(leaf: NestedLeaf): ColumnChunk {
    const { values, rowSlots, rowValues } = leaf
    const rows = rowSlots.length - 1
    const dictionary = this.#tryDictionary(values, { from: 0, to: values.length })
    for (let from = 0; from < rows;) {
      let to = from + 1
      const valuesEnd = pageEnd(values, rowValues[from]!, values.length)
      while (to < rows && rowValues[to + 1]! <= valuesEnd && rowSlots[to + 1]! - rowSlots[from]! < pageBytes)
        to++
      const slots = { from: rowSlots[from]!, to: rowSlots[to]! }
      if (leaf.repetitionMax > 0)
        writeLevels(() => writeHybrid(sink, leaf.repetition, slots, bitWidth(leaf.repetitionMax)))
      writeLevels(() => writeHybrid(sink, leaf.definition, slots, bitWidth(leaf.definitionMax)))
      const page = { from: rowValues[from]!, to: rowValues[to]! }
      if (dictionary === null) writePlain(sink, values, page)
      else writeCodes(dictionary, page)
      this.#dataPage(slots.to - slots.from)
      from = to
    }
    this.#chunk.statistics.nullCount = leaf.definition.length - values.length
    return this.#chunk
  }

  /** Bounds come from the dictionary where there is one: it has fewer values to look at. */
  #tryDictionary(vector: ColumnVector, range: RowRange): Dictionary | null {
    const dictionary = dictionaryOf(vector, range)
    if (dictionary === null) {
      this.#chunk.statistics.bounds = boundsOf(vector, range)
      return null
    }
    const entries = gather(vector, dictionary.rows, dictionary.rows.length)
    this.#chunk.statistics.bounds = boundsOf(entries, { from: 0, to: entries.length })
    writePlain(sink, entries, { from: 0, to: entries.length })
    this.#dictionaryPage(entries.length)
    return dictionary
  }

  #dictionaryPage(entries: number): void {
    this.#page(PageType.dictionary, thrift =>
      thrift.structField(7, () => {
        thrift.i32(1, entries)
        thrift.i32(2, Encoding.plain)
      }),
    )
    this.#chunk.dictionary = true
    this.#chunk.dataOffset = this.#chunk.compressedBytes
  }

  #dataPage(slots: number): void {
    this.#page(PageType.data, thrift =>
      thrift.structField(5, () => {
        thrift.i32(1, slots)
        thrift.i32(2, this.#chunk.dictionary ? Encoding.rleDictionary : Encoding.plain)
        thrift.i32(3, Encoding.rle)
        thrift.i32(4, Encoding.rle)
      }),
    )
    this.#chunk.slots += slots
    this.#chunk.dataPages++
  }

  /** Moves what the sink holds into a page of the chunk. */
  #page(type: number, describe: (thrift: ThriftWriter) => void): void {
    const body = compressPage(sink.view(), this.#compression)
    const thrift = new ThriftWriter(new ByteSink(64))
    thrift.struct(() => {
      thrift.i32(1, type)
      thrift.i32(2, sink.at)
      thrift.i32(3, body.length)
      thrift.i32(4, crc32(body) | 0)
      describe(thrift)
    })
    const header = thrift.sink.take()
    this.#chunk.pages.push(header, body)
    this.#chunk.compressedBytes += header.length + body.length
    this.#chunk.uncompressedBytes += header.length + sink.at
    sink.at = 0
  }
}

/** The first row after a page that starts at `from`: about a mebibyte on, a multiple of 8 rows away. */
function pageEnd(vector: ColumnVector, from: number, to: number): number {
  if (vector.layout === 'binary') {
    const { offsets } = vector
    let low = 1
    let high = Math.ceil((to - from) / 8)
    while (low < high) {
      const middle = (low + high + 1) >> 1
      const row = Math.min(to, from + middle * 8)
      if (offsets[row]! - offsets[from]! + (row - from) * 4 <= pageBytes) low = middle
      else high = middle - 1
    }
    return Math.min(to, from + low * 8)
  }
  const width = vector.layout === 'fixed' ? vector.width : 8
  return Math.min(to, from + (Math.floor(pageBytes / width) & ~7))
}

function writeLevels(write: () => void): void {
  sink.uint32(0)
  const start = sink.at
  write()
  sink.bytes.writeUInt32LE(sink.at - start, start - 4)
}

function writeFlatLevels(validity: Uint8Array | null, page: RowRange, present: number): void {
  const rows = page.to - page.from
  if (validity === null || present === rows) writeRun(sink, 1, rows, 1)
  else if (present === 0) writeRun(sink, 0, rows, 1)
  else writeValidity(sink, validity, page)
}

function writeCodes(dictionary: Dictionary, range: RowRange): void {
  const width = bitWidth(dictionary.rows.length - 1)
  sink.byte(width)
  writeHybrid(sink, dictionary.codes, range, width)
}
