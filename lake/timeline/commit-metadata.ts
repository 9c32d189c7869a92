// The body of a completed commit, delta commit or replace commit: which files it wrote, and the key-value pairs
// that travel with it. Layout 2 keeps it as an Avro object container with upstream's field order (class
// HoodieCommitMetadata, HoodieWriteStat, HoodieReplaceCommitMetadata), layout 1 as JSON.
import { decodeContainer, encodeContainer, isSyncOfContent } from './avro-container.ts'
import { commitRecord, replaceCommitRecord } from './commit-schema.ts'
import type { CommitAction, TimelineLayout } from './instant-file.ts'
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'

/** One file a commit wrote. */
export interface WriteStat {
  fileId: string
  /** Relative to the table. */
  path: string
  /** The instant of the file group's slice before this one; the text `null` for a new file group. */
  prevCommit: string
  partitionPath: string
  fileSizeInBytes: number
  totalWriteBytes?: number
  numWrites: number
  numInserts?: number
  numUpdateWrites?: number
  numDeletes?: number
  totalWriteErrors?: number
  /** Of a log file: its version, the slice's base file (bare name, empty when there is none) and all its logs. */
  logVersion?: number
  logOffset?: number
  baseFile?: string
  logFiles?: readonly string[]
  totalLogRecords?: number
  totalLogFilesCompacted?: number
  totalLogSizeCompacted?: number
  totalUpdatedRecordsCompacted?: number
  totalLogBlocks?: number
}

export interface CommitMetadata {
  /** Partition path ('' when the table has no partitions) -> its files. */
  partitionToWriteStats: Readonly<Record<string, readonly WriteStat[]>>
  /** True for a compaction. */
  compacted: boolean
  extraMetadata: Readonly<Record<string, string>>
  /** Upper-case name: `UPSERT`, `INSERT`, `BULK_INSERT`, `DELETE`, `COMPACT`, `CLUSTER` … */
  operationType: string
  /** Of a replace commit: partition path -> ids of the file groups it retires. */
  partitionToReplaceFileIds?: Readonly<Record<string, readonly string[]>>
}

/** The bytes of the completed instant file. */
export function encodeCommitMetadata(
  metadata: CommitMetadata,
  action: CommitAction,
  layout: TimelineLayout,
): Uint8Array {
  const body: Record<string, unknown> = {
    partitionToWriteStats: metadata.partitionToWriteStats,
    compacted: metadata.compacted,
    extraMetadata: metadata.extraMetadata,
    operationType: metadata.operationType,
  }
  if (action === 'replacecommit') body['partitionToReplaceFileIds'] = metadata.partitionToReplaceFileIds ?? {}
  if (layout === 1) return Buffer.from(JSON.stringify(body, null, 2))
  return encodeContainer(action === 'replacecommit' ? replaceCommitRecord : commitRecord, {
    ...body,
    version: 1,
  })
}

/**
 * @param context what errors say of the file: its path
 * @throws DataError LAKE_FILE_CORRUPT
 */
export function decodeCommitMetadata(bytes: Uint8Array, context: ErrorContext = {}): CommitMetadata {
  const isAvro = bytes[0] === 0x4f && bytes[1] === 0x62 && bytes[2] === 0x6a
  try {
    const body = (
      isAvro ? decodeContainer(bytes)[0] : JSON.parse(Buffer.from(bytes).toString('utf8'))
    ) as Record<string, unknown>
    const metadata = metadataOf(body)
    const isOurs = metadata.extraMetadata['sluice.seq'] !== undefined
    if (isAvro && isOurs && !(isSyncOfContent(bytes) && hasOurFields(body)))
      throw new RangeError('the bytes are not those that were written')
    return metadata
  } catch (cause) {
    const what = context['path'] === undefined ? 'The commit metadata' : `The commit ${context['path']}`
    throw new DataError(`${what} is damaged`, { code: 'LAKE_FILE_CORRUPT', context, cause })
  }
}

const ourFields: ReadonlySet<string> = new Set([
  'partitionToWriteStats',
  'compacted',
  'extraMetadata',
  'version',
  'operationType',
  'partitionToReplaceFileIds',
])

/** The sync marker is of the records alone; the names of their fields come before it. */
function hasOurFields(body: object): boolean {
  return Object.keys(body).every(field => ourFields.has(field))
}

function metadataOf(body: Record<string, unknown>): CommitMetadata {
  // Every version of Hudi has these, if with nothing in them. Where one is not, its name is damaged.
  for (const field of ['partitionToWriteStats', 'extraMetadata'])
    if (!(field in body)) throw new RangeError(`it has no ${field}`)
  const stats: Record<string, WriteStat[]> = {}
  for (const [partition, files] of Object.entries(body['partitionToWriteStats'] ?? {}))
    stats[partition] = (files as Record<string, unknown>[]).map(presentFields)
  const replaced = body['partitionToReplaceFileIds'] as Record<string, string[]> | null | undefined
  return {
    partitionToWriteStats: stats,
    compacted: body['compacted'] === true,
    extraMetadata: { ...(body['extraMetadata'] as Record<string, string> | null) },
    operationType: (body['operationType'] as string | null | undefined) ?? 'UNKNOWN',
    ...(replaced ? { partitionToReplaceFileIds: { ...replaced } } : {}),
  }
}

function presentFields(stat: Record<string, unknown>): WriteStat {
  if (typeof stat['path'] !== 'string' || typeof stat['fileId'] !== 'string')
    throw new RangeError('a file has no name')
  const present = Object.entries(stat).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(present) as unknown as WriteStat
}
