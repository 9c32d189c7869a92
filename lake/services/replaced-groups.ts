// File groups that replace commits retired, by clustering or overwriting. Their files are there for readers of earlier
// states. The replace commit is all that tells that they are retired, so it stays on the timeline until they are gone:
// trimmed before, their rows would be seen twice.
import type { DataFile } from '#lake/reader/data-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'

export interface Replacement {
  instant: InstantTime
  completionTime: InstantTime
  /** Retired file groups, as names.ts#fileGroupKey names them. */
  groups: ReadonlySet<string>
}

/** The replace commits on the timeline. @throws DataError LAKE_FILE_CORRUPT */
export async function loadReplacements(
  store: ObjectStore,
  timeline: readonly TimelineInstant[],
): Promise<Replacement[]> {
  const replacements: Replacement[] = []
  for (const { instant, action, completionTime, path } of timeline) {
    if (completionTime === null || action !== 'replacecommit') continue
    const bytes = await store.get(path)
    // Gone since: another cleaner trimmed it, after the files. Empty: an engine died, and Hudi takes it for nothing.
    if (bytes === null || bytes.length === 0) continue
    const context = { table: store.url, path }
    const replaced = decodeCommitMetadata(bytes, context).partitionToReplaceFileIds ?? {}
    const groups = Object.entries(replaced).flatMap(([partition, ids]) =>
      ids.map(id => fileGroupKey(partition, id)),
    )
    replacements.push({ instant, completionTime, groups: new Set(groups) })
  }
  return replacements
}

/** The files that were retired before the horizon. */
export function retiredFiles(
  files: readonly DataFile[],
  replacements: readonly Replacement[],
  horizon: InstantTime,
): DataFile[] {
  const retiredBy = new Map<string, InstantTime>()
  for (const { instant, completionTime, groups } of replacements)
    if (completionTime <= horizon) for (const group of groups) retiredBy.set(group, instant)
  return files.filter(file => file.instant < (retiredBy.get(groupOf(file)) ?? ''))
}

/** Instants of the replace commits of which a file is left. */
export function replacementsInUse(
  files: readonly DataFile[],
  replacements: readonly Replacement[],
): Set<InstantTime> {
  const left = new Set(files.map(groupOf))
  return new Set(
    replacements.flatMap(({ instant, groups }) =>
      [...groups].some(group => left.has(group)) ? [instant] : [],
    ),
  )
}

function groupOf({ partitionPath, fileId }: DataFile): string {
  return fileGroupKey(partitionPath, fileId)
}
