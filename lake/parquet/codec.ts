// Page compression. zstd runs natively in Node; level 1 keeps the encoder ahead of any network.
import { constants, zstdCompressSync } from 'node:zlib'
import { snappyCompress } from 'hyparquet-writer/src/snappy.js'
import type { Compression } from './format.ts'

/** A fresh buffer with the page's bytes as the file stores them. */
export function compressPage(page: Buffer, compression: Compression): Uint8Array {
  switch (compression) {
    case 'zstd':
      return zstdCompressSync(page, {
        params: { [constants.ZSTD_c_compressionLevel]: 1 },
        pledgedSrcSize: page.length,
      })
    case 'snappy':
      return snappyCompress(page)
    case 'uncompressed':
      return Buffer.from(page)
  }
}
