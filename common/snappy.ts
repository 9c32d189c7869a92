// Snappy blocks, decoding only: https://github.com/google/snappy/blob/main/format_description.txt. Every length is
// held against the bytes there are and the room there is, so damaged blocks end in an error and nowhere else.

// Block => uncompressed length UVARINT, [element]
//   tag low 2 bits: 0 literal · 1 copy, 11-bit offset · 2 copy, 16-bit offset · 3 copy, 32-bit offset

/** The most an element makes of its bytes: 64 of 3. */
const unfoldMax = 22

/** @throws RangeError when the bytes are no block or unfold to more than `bytesMax` */
export function decodeSnappyBlock(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const block = new SnappyBlock(bytes)
  const length = block.length()
  if (length > bytesMax || length > bytes.length * unfoldMax) throw corrupt()
  const out = Buffer.allocUnsafe(length)
  let to = 0
  while (block.more()) to += block.element(out, to)
  if (to !== length) throw corrupt()
  return out
}

class SnappyBlock {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  more(): boolean {
    return this.#at < this.#bytes.length
  }

  length(): number {
    let length = 0
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte()
      length += (byte & 0x7f) * scale
      if (byte < 0x80) return length
    }
    throw corrupt()
  }

  /** Writes one element and returns its size. */
  element(out: Buffer, to: number): number {
    const tag = this.#byte()
    const upper = tag >> 2
    switch (tag & 3) {
      case 0:
        return this.#literal(out, to, (upper < 60 ? upper : this.#integer(upper - 59)) + 1)
      case 1:
        return copyMatch(out, to, ((tag >> 5) << 8) + this.#byte(), (upper & 7) + 4)
      case 2:
        return copyMatch(out, to, this.#byte() + (this.#byte() << 8), upper + 1)
      default:
        return copyMatch(out, to, this.#integer(4), upper + 1)
    }
  }

  #literal(out: Buffer, to: number, size: number): number {
    const start = this.#at
    if (start + size > this.#bytes.length || to + size > out.length) throw corrupt()
    if (size > 32) out.set(this.#bytes.subarray(start, start + size), to)
    else for (let at = 0; at < size; at++) out[to + at] = this.#bytes[start + at]!
    this.#at = start + size
    return size
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw corrupt()
    return this.#bytes[this.#at++]!
  }

  /** Little-endian. */
  #integer(size: number): number {
    const start = this.#at
    if (start + size > this.#bytes.length) throw corrupt()
    let value = 0
    for (let at = start + size - 1; at >= start; at--) value = value * 256 + this.#bytes[at]!
    this.#at = start + size
    return value
  }
}

/**
 * Repeats `size` bytes that stand `back` bytes earlier and returns `size`: the ranges may overlap, then bytes just
 * copied are copied again. @throws RangeError when they lie outside the output
 */
export function copyMatch(out: Buffer, to: number, back: number, size: number): number {
  if (back === 0 || back > to || to + size > out.length) throw corrupt()
  if (back >= size && size > 64) out.copyWithin(to, to - back, to - back + size)
  else for (let at = 0; at < size; at++) out[to + at] = out[to + at - back]!
  return size
}

function corrupt(): RangeError {
  return new RangeError('not well-formed compressed data')
}
