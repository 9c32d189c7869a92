// DELTA_BINARY_PACKED, taken apart by hyparquet once its header makes sense: with fewer than one value in a block
// that parser steps on the spot or backwards, for ever.
//
//   values := varint values per block, varint miniblocks per block, varint count, zigzag first value, block*
//
// See https://github.com/apache/parquet-format/blob/master/Encodings.md.
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js'
import type { PageReader } from './page-reader.ts'

/** Fills `out` and leaves the page after the last block. @throws RangeError when the bytes are damaged. */
export function readDeltas<T extends Int32Array | BigInt64Array>(page: PageReader, out: T): T {
  const start = page.at
  const blockSize = page.varint()
  const miniblocks = page.varint()
  const count = page.varint()
  // A miniblock holds a multiple of 32 values, and its width is a byte of the block.
  if (miniblocks < 1 || miniblocks > page.left || blockSize < 32 || blockSize % (miniblocks * 32) !== 0)
    throw new RangeError('blocks of deltas that hold none')
  if (blockSize >= 2 ** 31 || count !== out.length) throw new RangeError('deltas of another number of values')
  const { buffer, byteOffset, byteLength } = page.bytes
  const reader = { view: new DataView(buffer, byteOffset, byteLength), offset: start }
  deltaBinaryUnpack(reader, count, out)
  // The last miniblock may lack its padding.
  page.at = Math.min(reader.offset, page.bytes.length)
  return out
}
