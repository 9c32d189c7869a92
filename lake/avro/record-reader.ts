// Avro's binary encoding read from bytes. Every method throws a RangeError where the bytes end too soon or make
// no sense; whoever knows the file turns it into a DataError.

export class RecordReader {
  readonly bytes: Buffer
  at = 0
  /** Halves of the last long read. */
  low = 0
  high = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Four bytes, big-endian (a block's framing, not Avro). */
  uint32(): number {
    const value = this.bytes.readUInt32BE(this.at)
    this.at += 4
    return value
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw new RangeError('the bytes end within a value')
    return this.bytes[this.at++]!
  }

  int(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      if (shift === 28 && byte > 0x0f) throw new RangeError('an int is longer than 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
  }

  /** A long, into `low` and `high`. */
  long(): void {
    let low = 0
    let high = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      if (shift === 63 && byte > 0x01) throw new RangeError('a long is longer than 64 bits')
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high |= bits >>> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) break
    }
    const sign = -(low & 1)
    this.low = ((low >>> 1) | (high << 31)) ^ sign
    this.high = (high >>> 1) ^ sign
  }

  /** A long that counts something: 0 … 2^31 − 1, or negative where a block of an array says its size. */
  count(): number {
    this.long()
    if (this.high !== this.low >> 31) throw new RangeError('a count is out of range')
    return this.low
  }

  /** Steps over `size` bytes; returns where they start. */
  skip(size: number): number {
    const start = this.at
    // Also true of a size that is no number.
    if (!(size >= 0 && start + size <= this.bytes.length))
      throw new RangeError('the bytes end within a value')
    this.at = start + size
    return start
  }
}
