// Snappy as Kafka's clients write it: raw blocks, and the chunked stream of snappy-java.
import { decodeSnappyBlock } from '#common/snappy.ts'

// Stream => magic 8 bytes (82 'SNAPPY' 00), version INT32, compatible INT32, [length INT32, block]
const streamMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const streamHeaderBytes = 16

/** @throws RangeError when the bytes are not Snappy or unfold to more than `bytesMax` */
export function decodeSnappy(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length < streamHeaderBytes || streamMagic.compare(bytes, 0, 8) !== 0)
    return decodeSnappyBlock(bytes, bytesMax)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const parts: Uint8Array[] = []
  let total = 0
  for (let at = streamHeaderBytes; at < bytes.length;) {
    const size = view.getInt32(at)
    at += 4
    if (size < 0 || at + size > bytes.length) throw corrupt()
    const part = decodeSnappyBlock(bytes.subarray(at, at + size), bytesMax - total)
    parts.push(part)
    total += part.length
    at += size
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
}

function corrupt(): RangeError {
  return new RangeError('not well-formed compressed data')
}
