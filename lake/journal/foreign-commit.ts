// A commit that another engine made on the timeline, as far as our own steps must know of it: which file groups it
// used, and which columns it left the table with. It has no journal entry, so this is read from its completed instant.
import type { FileGroupUse } from './entry.ts'
import { fileGroupKey, parseLogFileName } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface ForeignCommit {
  instant: InstantTime
  completionTime: InstantTime
  fileGroups: FileGroupUse
  /** Avro JSON of the table's columns after it, or null when it does not say. */
  schema: string | null
  /** The checkpoint of Hudi Streamer, if that made it. */
  checkpoint: string | null
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

function useOf(
  { path, prevCommit }: WriteStat,
  isCompaction: boolean,
): Exclude<keyof FileGroupUse, 'distinct'> {
  if (parseLogFileName(path.slice(path.lastIndexOf('/') + 1)) !== null) return 'logged'
  if (isCompaction) return 'compacted'
  return prevCommit === undefined || prevCommit === 'null' ? 'created' : 'rewritten'
}
