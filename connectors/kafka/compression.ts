// The codecs of Kafka's record batches, by the number in the batch attributes.
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { decodeLz4Frame } from './lz4.ts'
import { decodeSnappy } from './snappy.ts'

/** A batch may not unfold to more than this: a broker takes 1 MiB by default, so only a bomb is larger. */
export const batchBytesMax = 256 * 1024 * 1024

const decoders: readonly (((bytes: Uint8Array) => Uint8Array) | undefined)[] = [
  bytes => bytes,
  bytes => gunzipSync(bytes, { maxOutputLength: batchBytesMax }),
  bytes => decodeSnappy(bytes, batchBytesMax),
  bytes => decodeLz4Frame(bytes, batchBytesMax),
  bytes => zstdDecompressSync(bytes, { maxOutputLength: batchBytesMax }),
]

/** @throws Error when the codec is unknown or the bytes are not what it writes */
export function decompress(codec: number, bytes: Uint8Array): Uint8Array {
  const decoder = decoders[codec]
  if (decoder === undefined) throw new Error(`unknown codec ${codec}`)
  return decoder(bytes)
}
