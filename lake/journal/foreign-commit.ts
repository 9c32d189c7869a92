// A commit that another engine made on the timeline, as far as our own steps must know of it: which file groups it
// used, and which columns it left the table with. It has no journal entry, so this is read from its completed instant.
import type { FileGroupUse } from './entry.ts'
import { clashingFileGroup } from './clash.ts'
import { fileGroupKey, parseLogFileName } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface ForeignCommit {
  instant: InstantTime
  completionTime: InstantTime
  fileGroups: FileGroupUse
  /** Avro JSON of the table's columns after it, or null when it does not say. */
  schema: string | null
}

/** Set in the metadata of every commit that goes through the journal. */
export const journalSeqKey = 'sluice.seq'

/** How a commit used the table's file groups. Pure. */
export function fileGroupUseOf(metadata: CommitMetadata): FileGroupUse {
  const use = {
    created: [] as string[],
    rewritten: [] as string[],
    logged: [] as string[],
    compacted: [] as string[],
    replaced: [] as string[],
  }
  const isCompaction = metadata.compacted || metadata.operationType === 'COMPACT'
  for (const [partition, stats] of Object.entries(metadata.partitionToWriteStats))
    for (const stat of stats) use[useOf(stat, isCompaction)].push(fileGroupKey(partition, stat.fileId))
  for (const [partition, fileIds] of Object.entries(metadata.partitionToReplaceFileIds ?? {}))
    for (const fileId of fileIds) use.replaced.push(fileGroupKey(partition, fileId))
  return use
}

function useOf({ path, prevCommit }: WriteStat, isCompaction: boolean): keyof FileGroupUse {
  if (parseLogFileName(path.slice(path.lastIndexOf('/') + 1)) !== null) return 'logged'
  if (isCompaction) return 'compacted'
  return prevCommit === undefined || prevCommit === 'null' ? 'created' : 'rewritten'
}

/**
 * The file group over which a step clashes with a foreign commit it does not know of, or null. Other engines name the
 * file groups of a bucket as they like, after the bucket's number: it is the buckets that are compared.
 */
export function clashWithForeign(
  staged: FileGroupUse,
  foreign: FileGroupUse,
  layout: TimelineLayout,
): string | null {
  return clashingFileGroup(byBucket(staged), byBucket(foreign), layout)
}

function byBucket(use: FileGroupUse): FileGroupUse {
  return Object.fromEntries(
    Object.entries(use).map(([kind, groups]) => [
      kind,
      (groups as readonly string[]).map(group => group.replace(/(^|\/)(\d{8})-[^/]*$/, '$1$2')),
    ]),
  )
}
