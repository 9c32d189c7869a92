// The bytes of a page, read from the front. Every step beyond the end throws a RangeError.

export class PageReader {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  byte(): number {
    return this.bytes.readUInt8(this.skip(1))
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.skip(4))
  }

  /** ULEB128 below 2^53. */
  varint(): number {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
      if (unit > 2 ** 42) throw new RangeError('a varint is too long')
    }
  }

  /** Steps over `size` bytes; returns where they start. */
  skip(size: number): number {
    const start = this.at
    if (size < 0 || start + size > this.bytes.length) throw new RangeError('the page ends too soon')
    this.at = start + size
    return start
  }
}
