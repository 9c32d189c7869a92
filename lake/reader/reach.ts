// How far back a table can be read. Cleaning removes old files and trims the timeline; whoever asks for a state or a
// range that is no longer whole must be told, since what is left of it looks like fewer rows.
import { ConfigError } from '#common/errors.ts'
import type { ErrorContext } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { DataFile } from './data-file.ts'
import { listDataFiles } from './data-file.ts'
import type { PartitionChoice } from './partition-choice.ts'
import type { TimelineView } from './timeline-view.ts'

/** The table as it was opened. */
export interface OpenedTable {
  store: ObjectStore
  /** The whole timeline. */
  timeline: TimelineView
  files: readonly DataFile[]
  /** The partitions the files are of; undefined: all. */
  chosen?: PartitionChoice
}

/** A time before the timeline begins is only within reach when the table began no earlier. @throws ConfigError LAKE_HISTORY_GONE */
export async function checkReach(
  { store, timeline, files: chosenFiles, chosen }: OpenedTable,
  time: InstantTime,
): Promise<void> {
  const first = timeline.completed[0]
  if (first === undefined || time >= first.instant) return
  // Whether there was something before is told by the files of any partition.
  const files = chosen === undefined ? chosenFiles : await listDataFiles(store)
  const older = files.some(({ instant }) => instant < first.instant && timeline.isCommitted(instant))
  if (!older && !(await followsOthers(timeline, store))) return
  throw historyGone(`The timeline no longer reaches back to ${time}: it begins at ${first.instant}`, {
    time,
    first: first.instant,
  })
}

/**
 * Whether there were commits before those of the timeline: the first that says anything of files names the slices it
 * went on from, or retires file groups.
 */
async function followsOthers({ completed }: TimelineView, store: ObjectStore): Promise<boolean> {
  for (const { path, instant } of completed) {
    const { compacted, partitionToWriteStats, partitionToReplaceFileIds = {} } = await readCommit(store, path)
    if (compacted || Object.values(partitionToReplaceFileIds).some(ids => ids.length > 0)) return true
    const stats = Object.values(partitionToWriteStats).flat()
    // Deletes beside the first base file of a group name the slice that this begins.
    if (stats.length > 0) return stats.some(({ prevCommit: of }) => isInstantText(of) && of !== instant)
  }
  return false
}

/**
 * Whether the state at an instant still has all its files. Of a group whose slice of then is gone, a later base file
 * is left, and the commit of that one names the slice it went on from.
 * @throws ConfigError LAKE_HISTORY_GONE
 */
export async function checkState(table: OpenedTable, asOf: InstantTime): Promise<void> {
  await checkReach(table, asOf)
  await checkRetired(table, asOf)
  const commits = new Map<InstantTime, Promise<CommitMetadata>>()
  const commit = (instant: InstantTime): Promise<CommitMetadata> => {
    let read = commits.get(instant)
    if (read === undefined) commits.set(instant, (read = commitAt(table, instant)))
    return read
  }
  for (const group of groupsSince(table, asOf)) {
    let instant: InstantTime | null = group[0]!.instant
    while (instant !== null && instant > asOf) instant = predecessor(await commit(instant), group[0]!)
    if (instant !== null && !group.some(file => file.instant === instant))
      throw historyGone(`The state at ${asOf} was cleaned`, { asOf, path: group[0]!.path })
  }
}

/**
 * File groups that were retired after the instant still have their files. When a group began nobody can tell once they
 * are gone: then the state may be incomplete.
 */
async function checkRetired(table: OpenedTable, asOf: InstantTime): Promise<void> {
  const { store, timeline, files, chosen } = table
  const left = new Set(files.map(({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId)))
  for (const { instant, action, path } of timeline.completed) {
    if (action !== 'replacecommit' || instant <= asOf) continue
    const { partitionToReplaceFileIds = {} } = await readCommit(store, path)
    for (const [partition, ids] of Object.entries(partitionToReplaceFileIds))
      for (const id of chosen?.has(partition) === false ? [] : ids)
        if (!left.has(fileGroupKey(partition, id)))
          throw historyGone(`The state at ${asOf} was cleaned`, { asOf, fileGroup: id })
  }
}

/** The groups that have base files since the instant but none of before; the oldest of these comes first. */
function groupsSince({ files, timeline }: OpenedTable, asOf: InstantTime): DataFile[][] {
  const groups = Map.groupBy(files, ({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId))
  return [...groups.values()].flatMap(group => {
    const bases = group
      .filter(({ kind, instant }) => kind === 'base' && timeline.isCommitted(instant))
      .toSorted((a, b) => (a.instant < b.instant ? -1 : 1))
    const oldest = bases[0]
    return oldest === undefined || oldest.instant <= asOf ? [] : [[oldest, ...group]]
  })
}

async function commitAt({ store, timeline }: OpenedTable, instant: InstantTime): Promise<CommitMetadata> {
  const commit = timeline.completed.find(at => at.instant === instant)
  if (commit === undefined) throw historyGone(`The commit ${instant} was taken off the timeline`, { instant })
  return readCommit(store, commit.path)
}

/** The base instant of the slice before, or null when the commit began the group. */
function predecessor(commit: CommitMetadata, { partitionPath, fileId }: DataFile): InstantTime | null {
  const stats: readonly WriteStat[] = commit.partitionToWriteStats[partitionPath] ?? []
  const previous = stats.find(stat => stat.fileId === fileId)?.prevCommit
  return isInstantText(previous) ? previous : null
}

/** Writers give the text `null` for a new file group. */
function isInstantText(text: string | undefined): text is InstantTime {
  return text !== undefined && /^\d+$/.test(text)
}

/** @throws ConfigError LAKE_HISTORY_GONE when it was trimmed meanwhile */
export async function readCommit(store: ObjectStore, path: string): Promise<CommitMetadata> {
  const bytes = await store.get(path)
  if (bytes === null) throw historyGone('A commit was taken off the timeline', { path })
  return decodeCommitMetadata(bytes, { table: store.url, path })
}

export function historyGone(message: string, context: ErrorContext): ConfigError {
  return new ConfigError(message, { code: 'LAKE_HISTORY_GONE', context })
}
