// Bytes that grow at their end: what pages and metadata are assembled in. Reused from page to page, so the
// encoder allocates only what it hands out.

export class ByteSink {
  bytes: Buffer
  at = 0

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Makes room for `extra` more bytes; after it, `bytes` may be another buffer. */
  reserve(extra: number): void {
    if (this.at + extra <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + extra))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  append(source: Uint8Array): void {
    this.reserve(source.length)
    this.bytes.set(source, this.at)
    this.at += source.length
  }

  /** Four bytes, little-endian. */
  uint32(value: number): void {
    this.reserve(4)
    this.at = this.bytes.writeUInt32LE(value, this.at)
  }

  /** ULEB128 of 0 ≤ value < 2^53. */
  varint(value: number): void {
    this.reserve(8)
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 0x80
    this.bytes[this.at++] = rest
  }

  /** What was written so far; valid until the next write. */
  view(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  /** A copy of what was written so far. */
  take(): Buffer {
    return Buffer.from(this.view())
  }
}
