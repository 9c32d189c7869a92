// Parquet files by another writer, in codecs and encodings that ours does not choose.
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { CompressionCodec } from 'hyparquet'
import type { ColumnSource, SchemaElement } from 'hyparquet-writer'
import { parquetWriteBuffer as write } from 'hyparquet-writer'

export const compressors = {
  SNAPPY: undefined,
  GZIP: (page: Uint8Array) => gzipSync(page),
  BROTLI: (page: Uint8Array) => brotliCompressSync(page),
  ZSTD: (page: Uint8Array) => zstdCompressSync(page),
}

export function parquetWriteBuffer(options: {
  columnData: ColumnSource[]
  schema?: SchemaElement[]
  codec?: string
}): Uint8Array {
  const { codec = 'SNAPPY', ...rest } = options
  const { SNAPPY: _builtIn, ...others } = compressors
  return new Uint8Array(write({ ...rest, codec: codec as CompressionCodec, compressors: others }))
}
