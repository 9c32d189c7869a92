// Page compression. zstd runs natively in Node; level 1 keeps the encoder ahead of any network. Level 3 takes half as
// much CPU again and makes text smaller by 7 %, but counting numbers and the like larger by a fifth.
import { constants, zstdCompressSync } from 'node:zlib'
import { snappyCompress } from 'hyparquet-writer/src/snappy.js'
import type { Compression } from './format.ts'

/** The output is put together from buffers of this size, or smaller ones for small pages. */
const outputBytesMax = 512 << 10

/** Compressed bytes are kept for a while: without the buffer behind them when they fill little of it. */
function trimmed(bytes: Buffer): Buffer {
  return bytes.length * 2 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes
}

/** A fresh buffer with the page's bytes as the file stores them. */
export function compressPage(page: Buffer, compression: Compression): Uint8Array {
  switch (compression) {
    case 'zstd':
      return trimmed(zstd(page, 1))
    case 'zstdSmall': {
      const fast = zstd(page, 1)
      const thorough = zstd(page, 3)
      return trimmed(thorough.length < fast.length ? thorough : fast)
    }
    case 'snappy':
      return snappyCompress(page)
    case 'uncompressed':
      return Buffer.from(page)
  }
}

function zstd(page: Buffer, level: number): Buffer {
  return zstdCompressSync(page, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    pledgedSrcSize: page.length,
    chunkSize: Math.min(Math.max(1024, page.length >> 1), outputBytesMax),
  })
}
