// The frame of a block of a Hudi log file (log format version 1, all numbers big-endian):
//
//   block   := "#HUDI#"  uint64 L  uint32 version  uint32 type  headers  uint64 C  content[C]  headers  uint64 L + 6
//   headers := uint32 count  (uint32 key  uint32 length  UTF-8[length])*
//
// L counts everything after itself. The last field, the block's whole size, lets a reader walk backwards and
// tells a torn block from a whole one.

export const BlockType = {
  command: 0,
  delete: 1,
  corrupt: 2,
  avro: 3,
  hfile: 4,
  parquet: 5,
  cdc: 6,
} as const
export type BlockType = keyof typeof BlockType

export const HeaderKey = {
  instantTime: 0,
  targetInstantTime: 1,
  schema: 2,
  commandBlockType: 3,
} as const

export const blockMagic = Buffer.from('#HUDI#')
export const logFormatVersion = 1
/** Magic and L. */
export const prefixBytes = 14

/** A whole block; the headers in the order given, and the content, be it in parts. */
export function encodeBlock(
  type: BlockType,
  headers: readonly (readonly [key: number, value: string])[],
  content: Uint8Array | readonly Uint8Array[],
): Buffer {
  const parts = content instanceof Uint8Array ? [content] : content
  const contentBytes = parts.reduce((sum, { length }) => sum + length, 0)
  const texts = headers.map(([key, value]) => ({ key, bytes: Buffer.from(value) }))
  const headerBytes = texts.reduce((sum, { bytes }) => sum + 8 + bytes.length, 4)
  const body = 8 + headerBytes + 8 + contentBytes + 4 + 8
  const block = Buffer.allocUnsafe(prefixBytes + body)
  blockMagic.copy(block)
  let at = block.writeBigUInt64BE(BigInt(body), blockMagic.length)
  at = block.writeUInt32BE(logFormatVersion, at)
  at = block.writeUInt32BE(BlockType[type], at)
  at = block.writeUInt32BE(texts.length, at)
  for (const { key, bytes } of texts) {
    at = block.writeUInt32BE(key, at)
    at = block.writeUInt32BE(bytes.length, at)
    at += bytes.copy(block, at)
  }
  at = block.writeBigUInt64BE(BigInt(contentBytes), at)
  for (const part of parts) {
    block.set(part, at)
    at += part.length
  }
  at = block.writeUInt32BE(0, at)
  block.writeBigUInt64BE(BigInt(body + blockMagic.length), at)
  return block
}
