import { expect } from 'chai'
import fc from 'fast-check'
import { snappyCompress } from 'hyparquet-writer/src/snappy.js'
import { decompress } from '#connectors/kafka/compression.ts'
import { decodeLz4Frame } from '#connectors/kafka/lz4.ts'
import { decodeSnappy } from '#connectors/kafka/snappy.ts'

const limit = 1 << 20
const hello = 'hello, hello, hello, hello, world'

/** Text with repetitions near and far, and stretches without any. */
const texts = fc
  .array(fc.oneof(fc.constantFrom('abcabcabc', 'x', 'the quick brown fox'), fc.string({ maxLength: 40 })), {
    maxLength: 400,
  })
  .map(parts => Buffer.from(parts.join('')))

describe('Snappy', () => {
  it('reads a block of the reference library', () => {
    expect(
      Buffer.from(decodeSnappy(Buffer.from('IRhoZWxsbywgUgcAEHdvcmxk', 'base64'), limit)).toString(),
    ).to.equal(hello)
  })

  it('reads raw blocks and the stream of the Java client', () => {
    fc.assert(
      fc.property(texts, texts, (first, second) => {
        expect(Buffer.from(decodeSnappy(block(first), limit)).equals(first)).to.equal(true)
        const stream = Buffer.concat([
          Buffer.from('82534e41505059000000000100000001', 'hex'),
          ...[first, second].flatMap(text => [int32(block(text).length), block(text)]),
        ])
        expect(Buffer.from(decodeSnappy(stream, limit)).equals(Buffer.concat([first, second]))).to.equal(true)
      }),
      { numRuns: 300 },
    )
  })

  it('refuses damaged bytes and more than the limit', () => {
    refuses(bytes => decodeSnappy(bytes, limit))
    expect(() => decodeSnappy(block(Buffer.alloc(5000)), 4999)).to.throw(RangeError)
    for (const hex of ['', '05', '0500', '050061', '02006161', '0401ff', 'ffffffffff', '04f0'])
      expect(() => decodeSnappy(Buffer.from(hex, 'hex'), limit), hex).to.throw(RangeError)
  })
})

describe('LZ4', () => {
  it('reads frames of the reference library', () => {
    const frame = Buffer.from('BCJNGGBAghEAAAB/aGVsbG8sIAcAAlB3b3JsZAAAAAA=', 'base64')
    expect(Buffer.from(decodeLz4Frame(frame, limit)).toString()).to.equal(hello)
  })

  it('reads blocks that refer to earlier ones, stored blocks, sizes and checksums', () => {
    fc.assert(
      fc.property(
        fc.array(texts, { maxLength: 3 }),
        fc.boolean(),
        fc.boolean(),
        (blocks, checksums, size) => {
          const whole = Buffer.concat(blocks)
          const frame = writeFrame(blocks, { checksums, size })
          expect(Buffer.from(decodeLz4Frame(frame, limit)).equals(whole)).to.equal(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('refuses damaged bytes and more than the limit', () => {
    refuses(bytes =>
      decodeLz4Frame(Buffer.concat([Buffer.from('04224d186040820c000000', 'hex'), bytes]), limit),
    )
    const frame = writeFrame([Buffer.alloc(70_000, 'ab')], { checksums: false, size: false })
    expect(decodeLz4Frame(frame, limit)).to.have.length(70_000)
    expect(() => decodeLz4Frame(frame, 60_000)).to.throw(RangeError)
    expect(() => decodeLz4Frame(Buffer.from('hello, world'), limit)).to.throw(RangeError)
  })
})

describe('compression', () => {
  it('names a codec it does not know', () => {
    expect(() => decompress(5, Buffer.alloc(0))).to.throw('unknown codec 5')
  })
})

/** Whatever the bytes: an end within the limit, or a RangeError. */
function refuses(decode: (bytes: Uint8Array) => Uint8Array): void {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      try {
        expect(decode(bytes).length).to.be.at.most(limit)
      } catch (error) {
        expect(error).to.be.instanceOf(RangeError)
      }
    }),
    { numRuns: 3000 },
  )
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function block(text: Buffer): Buffer {
  // The writer leaves out the length of an empty text.
  return text.length === 0 ? Buffer.from([0]) : Buffer.from(snappyCompress(text))
}

/** A frame of linked blocks: matches are searched in everything before, blocks without any are stored as they are. */
function writeFrame(blocks: readonly Buffer[], options: { checksums: boolean; size: boolean }): Buffer {
  const flags = 0x40 | (options.checksums ? 0x10 : 0) | (options.size ? 0x08 : 0)
  const parts: Buffer[] = [
    Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x50]),
    Buffer.alloc(options.size ? 8 : 0),
    Buffer.alloc(1),
  ]
  let before: Buffer = Buffer.alloc(0)
  for (const text of blocks) {
    const packed = packBlock(before, text)
    const stored = packed.length >= text.length
    const mark = Buffer.alloc(4)
    mark.writeUInt32LE((stored ? 0x8000_0000 : 0) + (stored ? text : packed).length)
    if (text.length > 0) parts.push(mark, stored ? text : packed, Buffer.alloc(options.checksums ? 4 : 0))
    before = Buffer.concat([before, text])
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

function packBlock(before: Buffer, text: Buffer): Buffer {
  const all = Buffer.concat([before, text])
  const parts: Buffer[] = []
  let literals = before.length
  for (let at = before.length; at < all.length - 12;) {
    const found = all.subarray(0, at + 3).lastIndexOf(all.subarray(at, at + 4), at - 1)
    if (found < 0 || at - found > 65_535) {
      at++
      continue
    }
    let size = 4
    while (at + size < all.length - 5 && all[found + size] === all[at + size]) size++
    parts.push(sequence(all.subarray(literals, at), { back: at - found, size }))
    at += size
    literals = at
  }
  return Buffer.concat([...parts, sequence(all.subarray(literals), null)])
}

function sequence(literals: Buffer, match: { back: number; size: number } | null): Buffer {
  const nibble = (size: number): number => Math.min(15, size)
  const rest = (size: number): number[] =>
    size < 15 ? [] : [...Array.from({ length: Math.floor((size - 15) / 255) }, () => 255), (size - 15) % 255]
  const token = (nibble(literals.length) << 4) | (match ? nibble(match.size - 4) : 0)
  const tail = match ? [match.back & 0xff, match.back >> 8, ...rest(match.size - 4)] : []
  return Buffer.concat([Buffer.from([token, ...rest(literals.length)]), literals, Buffer.from(tail)])
}
