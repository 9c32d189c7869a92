// The blocks of a log file, as far as they can be told to be those that were written. From table layout 2 on a log file
// is of one commit, so whatever is no block in a committed one is damage, and rows are missing. Before, many commits
// append to one file, and what a writer left that died is stepped over, as Hudi does it.
import { crc32 } from 'node:zlib'
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'
import type { CorruptBlock, DecodedBlock } from '#lake/log/decode-blocks.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { checksumOf, parseLogFileName } from '#lake/table/names.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { missingFile } from './damage.ts'
import type { DataFile } from './data-file.ts'

export type WholeBlock = Exclude<DecodedBlock, CorruptBlock>

/** The bytes of a log file. @throws DataError LAKE_FILE_MISSING, LAKE_FILE_CORRUPT */
export async function logBytes(
  store: ObjectStore,
  { path, name }: Pick<DataFile, 'path' | 'name'>,
): Promise<Uint8Array> {
  const bytes = await store.get(path)
  if (bytes === null) throw missingFile(store, path)
  checkLogChecksum(name, crc32(bytes), () => firstDamage(bytes, { table: store.url, path }))
  return bytes
}

/** Holds a checksum against the one in the name of the file, if it has one. @throws DataError LAKE_FILE_CORRUPT */
export function checkLogChecksum(name: string, checksum: number, context: () => ErrorContext): void {
  const written = checksumOf(parseLogFileName(name)?.writeToken ?? '')
  if (written === null || written === checksum) return
  throw damagedLog('its bytes are not those that were written', context())
}

/** Lets whole blocks pass. @throws DataError LAKE_FILE_CORRUPT for damage that no writer leaves in this layout */
export function wholeBlock(
  block: DecodedBlock,
  { layout, ...context }: { table: string; path: string; layout: TimelineLayout },
): WholeBlock | null {
  if (block.type !== 'corrupt') return block
  if (layout === 1) return null
  throw damagedLog(block.reason, { ...context, offset: block.offset })
}

/** The checksum is the whole file's; the frames may tell which block it is. */
function firstDamage(bytes: Uint8Array, context: ErrorContext): ErrorContext {
  try {
    for (const block of decodeBlocks(bytes, context))
      if (block.type === 'corrupt') return { ...context, offset: block.offset }
  } catch (error) {
    if (error instanceof DataError) return error.context
    throw error
  }
  return context
}

function damagedLog(reason: string, context: ErrorContext): DataError {
  const { path, offset } = context
  const where = offset === undefined ? '' : ` at byte ${offset}`
  return new DataError(`The log file ${path} is damaged${where}: ${reason}`, {
    code: 'LAKE_FILE_CORRUPT',
    context,
  })
}
