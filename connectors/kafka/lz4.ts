// LZ4 frames, decoding only: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md. Checksums are skipped,
// as the batch's own is; blocks may refer to earlier ones.
import { copyMatch } from '#common/snappy.ts'

// Frame => magic UINT32 (0x184D2204, little-endian), FLG, BD, [contentSize UINT64], [dictId UINT32], HC,
//          [blockSize UINT32 (high bit: stored as is), block, [blockChecksum UINT32]], endMark UINT32 0
//   FLG: bits 7-6 version 01 · 5 independent · 4 block checksum · 3 content size · 2 content checksum · 0 dictId
//   BD: bits 6-4 maximum block size: 4 64 KiB, 5 256 KiB, 6 1 MiB, 7 4 MiB
const magic = 0x184d2204

/** @throws RangeError when the bytes are not an LZ4 frame or unfold to more than `bytesMax` */
export function decodeLz4Frame(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 7 || view.getUint32(0, true) !== magic) throw corrupt()
  const flags = bytes[4]!
  const blockMax = 1 << (8 + 2 * ((bytes[5]! >> 4) & 7))
  if (flags >> 6 !== 1 || (flags & 1) !== 0) throw corrupt()
  let at = 7 + ((flags & 8) !== 0 ? 8 : 0)
  let out: Buffer = Buffer.allocUnsafe(Math.min(bytesMax, Math.max(blockMax, bytes.length * 4)))
  let to = 0
  for (;;) {
    if (at + 4 > bytes.length) throw corrupt()
    const mark = view.getUint32(at, true)
    at += 4
    if (mark === 0) return out.subarray(0, to)
    const end = at + (mark & 0x7fff_ffff)
    if (end > bytes.length) throw corrupt()
    if (to + blockMax > out.length) out = grown(out, Math.max(out.length * 2, to + blockMax), bytesMax)
    if (mark >= 0x8000_0000) {
      if (end - at > out.length - to) throw corrupt()
      out.set(bytes.subarray(at, end), to)
      to += end - at
    } else to = decodeBlock(bytes.subarray(at, end), out, to)
    at = end + ((flags & 0x10) !== 0 ? 4 : 0)
  }
}

// Sequence => token (literal length, match length − 4), [length bytes], literals, offset UINT16, [length bytes]
// The last sequence has literals only.
function decodeBlock(block: Uint8Array, out: Buffer, start: number): number {
  let to = start
  for (let at = 0; at < block.length;) {
    const token = block[at++]!
    let size = token >> 4
    if (size === 15) {
      let byte: number
      do {
        byte = byteAt(block, at++)
        size += byte
      } while (byte === 255)
    }
    if (at + size > block.length || to + size > out.length) throw corrupt()
    if (size > 16) out.set(block.subarray(at, at + size), to)
    else for (let step = 0; step < size; step++) out[to + step] = block[at + step]!
    at += size
    to += size
    if (at === block.length) return to
    const back = byteAt(block, at) | (byteAt(block, at + 1) << 8)
    at += 2
    size = (token & 15) + 4
    if (size === 19) {
      let byte: number
      do {
        byte = byteAt(block, at++)
        size += byte
      } while (byte === 255)
    }
    to += copyMatch(out, to, back, size)
  }
  return to
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw corrupt()
  return byte
}

function grown(out: Buffer, length: number, bytesMax: number): Buffer {
  if (out.length >= bytesMax) throw corrupt()
  const larger = Buffer.allocUnsafe(Math.min(bytesMax, length))
  out.copy(larger)
  return larger
}

function corrupt(): RangeError {
  return new RangeError('not an LZ4 frame')
}
