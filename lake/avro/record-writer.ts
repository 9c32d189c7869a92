// Avro's binary encoding into bytes that grow at their end. Integers are varints of the zigzag form; 64-bit ones
// are written from their 32-bit halves, so that no BigInt is made.
// See https://avro.apache.org/docs/1.11.1/specification/#binary-encoding.

export class RecordWriter {
  bytes: Buffer
  at = 0

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Makes room for `extra` more bytes; the methods below do not look. After it, `bytes` may be another buffer. */
  reserve(extra: number): void {
    if (this.at + extra <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + extra))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
  }

  /** int, or a long in int32's range; also lengths, counts and union branches. At most 5 bytes. */
  int(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    for (; rest > 0x7f; rest >>>= 7) this.bytes[this.at++] = (rest & 0x7f) | 0x80
    this.bytes[this.at++] = rest
  }

  /** long; at most 10 bytes. */
  long(low: number, high: number): void {
    const sign = high >> 31
    let zigzagLow = (low << 1) ^ sign
    let zigzagHigh = ((high << 1) | (low >>> 31)) ^ sign
    while (zigzagHigh !== 0) {
      this.bytes[this.at++] = (zigzagLow & 0x7f) | 0x80
      zigzagLow = (zigzagLow >>> 7) | (zigzagHigh << 25)
      zigzagHigh >>>= 7
    }
    let rest = zigzagLow >>> 0
    for (; rest > 0x7f; rest >>>= 7) this.bytes[this.at++] = (rest & 0x7f) | 0x80
    this.bytes[this.at++] = rest
  }

  /** source[start, end) as it is; long values in one call, short ones cheaper by the byte. */
  raw(source: Uint8Array, start: number, end: number): void {
    const { bytes } = this
    let at = this.at
    if (end - start < 40) for (let from = start; from < end; from++) bytes[at++] = source[from]!
    else {
      bytes.set(source.subarray(start, end), at)
      at += end - start
    }
    this.at = at
  }
}
