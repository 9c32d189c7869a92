// The blocks of a stored log file, one at a time. A small file is read whole, of a larger one a block at a time, so
// that what other engines write (files of a gibibyte) need not fit into memory.
import { crc32 } from 'node:zlib'
import { blockMagic, prefixBytes } from '#lake/log/block.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { WholeBlock } from './checked-blocks.ts'
import { checkLogChecksum, logBytes, wholeBlock } from './checked-blocks.ts'
import { missingFile } from './damage.ts'
import type { DataFile } from './data-file.ts'

const wholeFileBytesMax = 8 << 20

/** Where the bytes of a block are stored. */
export interface BlockPlace {
  path: string
  offset: number
}

export interface LogStore {
  store: ObjectStore
  layout: TimelineLayout
}

type LogFile = Pick<DataFile, 'path' | 'name' | 'sizeBytes'>

/** Offsets are the file's. @throws DataError LAKE_FILE_MISSING, LAKE_FILE_CORRUPT */
export async function* storedBlocks(file: LogFile, from: LogStore): AsyncGenerator<WholeBlock> {
  const { path, name, sizeBytes } = file
  if (sizeBytes <= wholeFileBytesMax) {
    yield* blocksIn(await logBytes(from.store, file), { path, offset: 0 }, from)
    return
  }
  let checksum = 0
  for (let offset = 0; offset < sizeBytes;) {
    const place = { path, offset }
    // Bytes that are no block go on until the next magic, wherever that is.
    const length = (await blockBytes(place, sizeBytes - offset, from)) ?? sizeBytes - offset
    let bytes = await range(place, length, from)
    if (!isBlock(bytes)) bytes = await range(place, sizeBytes - offset, from)
    checksum = crc32(bytes, checksum)
    offset += bytes.length
    if (offset >= sizeBytes || bytes.length === 0)
      checkLogChecksum(name, checksum, () => ({ table: from.store.url, path }))
    yield* blocksIn(bytes, place, from)
    if (bytes.length === 0) return
  }
}

/** The block at a place that storedBlocks gave. @throws DataError LAKE_FILE_MISSING, LAKE_FILE_CORRUPT */
export async function storedBlock(place: BlockPlace, from: LogStore): Promise<WholeBlock> {
  const length = (await blockBytes(place, Infinity, from)) ?? prefixBytes
  // Of bytes that are no block any more this says what they are.
  const [block] = blocksIn(await range(place, length, from), place, { ...from, layout: 2 })
  if (block === undefined) throw missingFile(from.store, place.path)
  return block
}

/** The length of the block that begins there, of at most `bytesMax`; null when none does. */
async function blockBytes(place: BlockPlace, bytesMax: number, from: LogStore): Promise<number | null> {
  const head = Buffer.from(await range(place, prefixBytes, from))
  if (head.length < prefixBytes || head.compare(blockMagic, 0, 6, 0, 6) !== 0) return null
  const length = Number(head.readBigUInt64BE(6)) + prefixBytes
  return length <= bytesMax ? length : null
}

function isBlock(bytes: Uint8Array): boolean {
  const [block, ...more] = decodeBlocks(bytes)
  return block !== undefined && block.type !== 'corrupt' && more.length === 0
}

/** The blocks of bytes that begin at a place. */
function* blocksIn(bytes: Uint8Array, { path, offset }: BlockPlace, from: LogStore): Generator<WholeBlock> {
  const context = { table: from.store.url, path }
  for (const found of decodeBlocks(bytes, context)) {
    const block = wholeBlock({ ...found, offset: offset + found.offset }, { ...context, layout: from.layout })
    if (block !== null) yield block
  }
}

async function range({ path, offset }: BlockPlace, length: number, { store }: LogStore): Promise<Uint8Array> {
  const bytes = await store.getRange(path, offset, length)
  if (bytes === null) throw missingFile(store, path)
  return bytes
}
