// The values of a column chunk as its physical type has them, nulls left out, page after page. Fixed widths go to
// one buffer, byte arrays to data and offsets, booleans to a bitmap: the shapes our vectors have.
import { byteStreamSplit } from 'hyparquet/src/encoding.js'
import type { ParquetType } from 'hyparquet'
import { readDeltas } from './read-delta.ts'
import type { PageReader } from './page-reader.ts'
import { readHybrid } from './read-hybrid.ts'
import { ByteSink } from './byte-sink.ts'
import { DataError } from '#common/errors.ts'

const widths: Readonly<Partial<Record<ParquetType, number>>> = { INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8 }

/** Memory taken before the first value is seen; columns that turn out larger grow. */
const firstBytesMax = 2 ** 28
/** Offsets are 32 bits. */
const bytesMax = 2 ** 31 - 1

export class RawValues {
  readonly physical: ParquetType
  /** Bytes of a value; 0 for byte arrays and booleans. */
  readonly width: number
  length = 0
  /** Fixed widths and byte arrays: the bytes, end to end. Booleans: a bitmap. */
  readonly data: ByteSink
  /** Byte arrays: where each value ends. */
  readonly offsets: Int32Array

  /** `capacity`: values it will hold at most. */
  constructor(physical: ParquetType, typeLength: number, capacity: number) {
    this.physical = physical
    this.width = physical === 'FIXED_LEN_BYTE_ARRAY' ? typeLength : (widths[physical] ?? 0)
    if (physical === 'FIXED_LEN_BYTE_ARRAY' && !(Number.isInteger(typeLength) && typeLength > 0))
      throw new RangeError('a fixed length that is none')
    this.offsets = new Int32Array(physical === 'BYTE_ARRAY' ? capacity + 1 : 0)
    const bytes = physical === 'BOOLEAN' ? Math.ceil(capacity / 8) : capacity * (this.width || 8)
    this.data = new ByteSink(Math.min(Math.max(8, bytes), firstBytesMax))
    if (physical === 'BOOLEAN') this.data.bytes.fill(0)
  }

  /** The rest of the page is `count` values in an encoding other than a dictionary's. */
  read(page: PageReader, count: number, encoding: string): void {
    if (count === 0) return
    if (encoding === 'PLAIN') this.#plain(page, count)
    else if (encoding === 'RLE' && this.physical === 'BOOLEAN') this.#booleanRuns(page, count)
    else this.#other(page, count, encoding)
  }

  /** Appends the dictionary's values at the codes. */
  pick(dictionary: RawValues, codes: Int32Array): void {
    for (let at = 0; at < codes.length; at++)
      if (codes[at]! >= dictionary.length) throw new RangeError('a code beyond the dictionary')
    if (this.physical === 'BYTE_ARRAY') this.#pickBytes(dictionary, codes)
    else this.#pickFixed(dictionary, codes)
  }

  #plain(page: PageReader, count: number): void {
    if (this.physical === 'BYTE_ARRAY') return this.#plainBytes(page, count)
    if (this.physical === 'BOOLEAN') {
      const start = page.skip((count + 7) >> 3)
      for (let at = 0; at < count; at++) this.#bit((page.bytes[start + (at >> 3)]! >> (at & 7)) & 1)
      return
    }
    const start = page.skip(count * this.width)
    this.data.append(page.bytes.subarray(start, page.at))
    this.length += count
  }

  #plainBytes(page: PageReader, count: number): void {
    const { bytes } = page
    this.#reserve(page.left)
    for (let left = count; left > 0; left--) {
      const size = page.uint32()
      const start = page.skip(size)
      const out = this.data.bytes
      let to = this.data.at
      if (size < 40) for (let from = start; from < start + size; from++) out[to++] = bytes[from]!
      else {
        bytes.copy(out, to, start, start + size)
        to += size
      }
      this.data.at = to
      this.offsets[++this.length] = to
    }
  }

  #booleanRuns(page: PageReader, count: number): void {
    const size = page.uint32()
    const bits = new Uint8Array(count)
    readHybrid(page, 1, page.at + size, bits)
    for (const bit of bits) this.#bit(bit)
  }

  #bit(bit: number): void {
    if (bit === 1) this.data.bytes[this.length >> 3]! |= 1 << (this.length & 7)
    this.length++
  }

  /** Encodings that our own writer and Hudi's do not choose. */
  #other(page: PageReader, count: number, encoding: string): void {
    if (encoding === 'DELTA_BINARY_PACKED' && (this.width === 4 || this.width === 8)) {
      const values = this.width === 4 ? new Int32Array(count) : new BigInt64Array(count)
      readDeltas(page, values)
      this.#appendFixed(new Uint8Array(values.buffer), count)
    } else if (encoding === 'DELTA_LENGTH_BYTE_ARRAY') {
      for (const size of readDeltas(page, new Int32Array(count))) this.#appendBytes(page, size, 0)
    } else if (encoding === 'DELTA_BYTE_ARRAY') {
      const prefixes = readDeltas(page, new Int32Array(count))
      const suffixes = readDeltas(page, new Int32Array(count))
      for (let at = 0; at < count; at++) this.#appendBytes(page, suffixes[at]!, prefixes[at]!)
    } else if (encoding === 'BYTE_STREAM_SPLIT' && this.width > 0) {
      const { buffer, byteOffset, byteLength } = page.bytes
      const reader = {
        view: new DataView(buffer, byteOffset, byteLength),
        offset: page.skip(count * this.width),
      }
      const values = byteStreamSplit(reader, count, this.physical, this.width)
      if (Array.isArray(values)) for (const value of values as Uint8Array[]) this.#appendFixed(value, 1)
      else this.#appendFixed(new Uint8Array(values.buffer), count)
    } else
      throw new DataError(`Parquet encoding ${encoding} of ${this.physical} cannot be read`, {
        code: 'LAKE_ENCODING_UNSUPPORTED',
        context: { encoding },
      })
  }

  #appendFixed(bytes: Uint8Array, count: number): void {
    this.data.append(bytes)
    this.length += count
  }

  /** The next `size` bytes of the page, after the first `prefix` bytes of the value before. */
  #appendBytes(page: PageReader, size: number, prefix: number): void {
    const { data, length } = this
    const lastSize = this.width > 0 ? this.width : data.at - (this.offsets[length - 1] ?? data.at)
    const before = length === 0 ? data.at : data.at - lastSize
    if (prefix < 0 || prefix > data.at - before)
      throw new RangeError('a prefix is longer than the value before')
    const from = page.skip(size)
    this.#reserve(prefix + size)
    data.bytes.copy(data.bytes, data.at, before, before + prefix)
    page.bytes.copy(data.bytes, data.at + prefix, from, from + size)
    data.at += prefix + size
    this.length++
    if (this.physical === 'BYTE_ARRAY') this.offsets[this.length] = data.at
    else if (prefix + size !== this.width) throw new RangeError('a value has not the fixed length')
  }

  #reserve(bytes: number): void {
    if (this.data.at + bytes > bytesMax) throw new RangeError('a chunk unfolds to more than 2 GiB')
    this.data.reserve(bytes)
  }

  #pickBytes(dictionary: RawValues, codes: Int32Array): void {
    const from = dictionary.data.bytes
    const starts = dictionary.offsets
    let total = 0
    for (let at = 0; at < codes.length; at++) total += starts[codes[at]! + 1]! - starts[codes[at]!]!
    this.#reserve(total)
    const to = this.data.bytes
    let end = this.data.at
    for (let at = 0; at < codes.length; at++) {
      const stop = starts[codes[at]! + 1]!
      for (let byte = starts[codes[at]!]!; byte < stop; byte++) to[end++] = from[byte]!
      this.offsets[++this.length] = end
    }
    this.data.at = end
  }

  #pickFixed(dictionary: RawValues, codes: Int32Array): void {
    const { width } = this
    this.#reserve(codes.length * width)
    const from = dictionary.data.bytes
    const to = this.data.bytes
    let end = this.data.at
    for (let at = 0; at < codes.length; at++)
      for (let byte = codes[at]! * width, stop = byte + width; byte < stop; byte++) to[end++] = from[byte]!
    this.data.at = end
    this.length += codes.length
  }
}
