// What a range of commits changed, for incremental reading: only the files these commits wrote are merged, and of
// their rows those are kept that one of these commits wrote. A version that a later commit in the range replaced is
// not returned, neither are deletes; a late row may be that a merge with older files would have dropped. So read
// Spark and hudi-rs. Commits are counted by when they completed; layout 1 knows their instants only.
//
// A range that begins among archived commits is answered, as Spark does, from the newest state: the rows that a commit
// of the range wrote. So it must end with the newest commit, for what came after it may have overwritten rows.
import { fileGroupKey } from '#lake/table/names.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { archivedSince, mayCross } from './archived-timeline.ts'
import type { CoalescedRun } from './coalesced-days.ts'
import { coalescedRuns, coalescedUntil } from './coalesced-days.ts'
import type { WrittenFile } from './coalesced-range.ts'
import { checkWhole, filesToRead, restOfDay } from './coalesced-range.ts'
import { readRecords } from './coalesced-record.ts'
import type { CommitRange } from './commit-range.ts'
import type { DataFile } from './data-file.ts'
import { parseDataFile } from './data-file.ts'
import type { FileSlice } from './file-slice.ts'
import { latestSlices } from './file-slice.ts'
import type { OpenedTable } from './reach.ts'
import { checkReach, historyGone, readCommit } from './reach.ts'
import type { TimelineView } from './timeline-view.ts'
import { timelineView, writingActions } from './timeline-view.ts'

export interface Increment {
  slices: readonly FileSlice[]
  /** The commits of the range, as a timeline that has no others. */
  timeline: TimelineView
}

const parallelReads = 16

/** @throws ConfigError LAKE_HISTORY_GONE when the range is no longer all there */
export async function planIncrement(table: OpenedTable, range: CommitRange): Promise<Increment> {
  const { timeline, files } = table
  const archived = await archivedOf(table, range)
  if (archived !== null) return archived
  await checkReach(table, range.from)
  const instants = timeline.completed.filter(at => isWithin(at, range))
  // Before the commits are read: what is no record any more, they tell.
  const underWay = await runsUnderWay(instants, table)
  const said: Said = { written: new Map(), replaced: new Set(), runs: [] }
  await readCommits(instants, table, said)
  // A commit says for which others it stands before these name less, so it is read once more when they are read.
  const untils = new Set(underWay.map(({ until }) => until))
  const carriers = instants.filter(({ completionTime }) => untils.has(completionTime!))
  await readCommits(carriers, table, said)
  for await (const { commit, at } of commitsOf(restOfDay(timeline, range), table))
    checkWhole(coalescedRuns(commit, at.completionTime!), range)
  const { written, replaced, runs } = said
  checkWhole(runs, range)
  const within = timelineView({ layout: timeline.layout, instants, first: null, replaced })
  const present = new Set(files.map(({ path }) => path))
  const read = filesToRead([...written.values()], { runs, underWay, present })
  const slices = latestSlices(read, within)
  checkPresent(slices, present)
  return { slices, timeline: within }
}

/** What the commits of a range say. */
interface Said {
  /** By path. */
  written: Map<string, WrittenFile>
  /** File groups. */
  replaced: Set<string>
  runs: CoalescedRun[]
}

async function readCommits(
  instants: readonly TimelineInstant[],
  table: OpenedTable,
  { written, replaced, runs }: Said,
): Promise<void> {
  const { files, chosen } = table
  const present = new Set(files.map(({ path }) => path))
  for await (const { commit, at } of commitsOf(instants, table)) {
    runs.push(...coalescedRuns(commit, at.completionTime!))
    for (const file of filesOf(commit))
      // What a compaction wrote, it wrote again: the logs have it all.
      if ((!commit.compacted || present.has(file.path)) && chosen?.has(file.partitionPath) !== false)
        written.set(file.path, { file, isCompacted: commit.compacted, completion: at.completionTime! })
    for (const [partition, ids] of Object.entries(commit.partitionToReplaceFileIds ?? {}))
      for (const id of ids) replaced.add(`${partition}/${id}`)
  }
}

/** What is merged of these commits, or about to be, and is in no commit yet. */
async function runsUnderWay(
  instants: readonly TimelineInstant[],
  { store, timeline }: OpenedTable,
): Promise<CoalescedRun[]> {
  if (timeline.layout === 1 || instants.length === 0) return []
  const completions = new Map(instants.map(at => [at.instant, at.completionTime!]))
  return [...(await readRecords(store)).values()].flatMap(({ instant, stat, since }) => {
    const until = completions.get(instant)
    return until === undefined ? [] : [{ group: fileGroupKey(stat.partitionPath, stat.fileId), since, until }]
  })
}

async function* commitsOf(
  instants: readonly TimelineInstant[],
  { store }: OpenedTable,
): AsyncGenerator<{ commit: CommitMetadata; at: TimelineInstant }> {
  for (let from = 0; from < instants.length; from += parallelReads) {
    const some = instants.slice(from, from + parallelReads)
    const commits = await Promise.all(some.map(({ path }) => readCommit(store, path)))
    for (const [index, commit] of commits.entries()) yield { commit, at: some[index]! }
  }
}

/**
 * Null when the range is all on the timeline, or cannot be answered so.
 * @throws ConfigError LAKE_HISTORY_GONE when it begins on the timeline, but commits of it have left
 */
async function archivedOf(
  { store, timeline, files }: OpenedTable,
  range: CommitRange,
): Promise<Increment | null> {
  const first = timeline.completed[0]
  if (timeline.layout === 1 || first === undefined || !mayCross(first.instant, range.from)) return null
  const { heads, isWhole } = await archivedSince(store, range.from)
  const writing = heads.filter(({ action }) => writingActions.has(action))
  const isBefore = range.from < first.instant
  // Of commits that were under way together one may have left that completed after others which have not.
  const hasLeft = writing.some(({ instant }) => instant < first.instant)
  if (!isBefore && !hasLeft) return null
  const isToNewest = !timeline.completed.some(
    ({ completionTime }) => (completionTime ?? '') > (range.to ?? '~'),
  )
  // Rows keep the commit times of instants that are in no history.
  if (isWhole && isToNewest && range.from >= ((await coalescedUntil(store)) ?? '')) {
    const archived = writing.map(head => ({ ...head, state: 'completed' as const, path: '' }))
    const completed = [...archived, ...timeline.completed].filter(at => isWithin(at, range))
    return { slices: latestSlices(files, timeline), timeline: { ...timeline, completed } }
  }
  if (isBefore) return null
  throw historyGone(`Commits that completed after ${range.from} have left the timeline`, { ...range })
}

function isWithin({ completionTime }: TimelineInstant, { from, to }: CommitRange): boolean {
  return completionTime !== null && completionTime > from && (to === undefined || completionTime <= to)
}

function filesOf({ partitionToWriteStats }: CommitMetadata): DataFile[] {
  return Object.values(partitionToWriteStats)
    .flat()
    .flatMap(({ path, fileSizeInBytes }) => parseDataFile({ path, sizeBytes: fileSizeInBytes }) ?? [])
}

function checkPresent(slices: readonly FileSlice[], present: ReadonlySet<string>): void {
  for (const { base, logs } of slices)
    for (const { path } of base === null ? logs : [base, ...logs])
      if (!present.has(path)) throw historyGone('A file that the range needs was cleaned', { path })
}
