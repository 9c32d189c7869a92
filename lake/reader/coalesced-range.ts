// Ranges of commits in a past that is kept by days (coalesced-days.ts): whether they can be answered exactly, and from
// which files.
import { fileGroupKey } from '#lake/table/names.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import type { CoalescedRun } from './coalesced-days.ts'
import type { DataFile } from './data-file.ts'
import type { CommitRange } from './commit-range.ts'
import { historyGone } from './reach.ts'
import type { TimelineView } from './timeline-view.ts'

/** A file that a commit of the range names. */
export interface WrittenFile {
  file: DataFile
  /** Whether a compaction wrote it. */
  isCompacted: boolean
  completion: InstantTime
}

/** The commits after the range that may stand for some in it: a day's are in the last of them. */
export function restOfDay({ layout, completed }: TimelineView, { to }: CommitRange): TimelineInstant[] {
  if (layout === 1 || to === undefined) return []
  const isRest = (time: InstantTime): boolean => time > to && time.slice(0, 8) === to.slice(0, 8)
  return completed.filter(({ completionTime }) => completionTime !== null && isRest(completionTime))
}

/** @throws ConfigError LAKE_HISTORY_GONE when the range begins or ends among commits that are one by now */
export function checkWhole(runs: readonly CoalescedRun[], { from, to = '~' }: CommitRange): void {
  for (const { since, until } of runs) {
    const isOutside = from >= until || to < since
    if (isOutside || (from < since && to >= until)) continue
    const day = `${since.slice(0, 4)}-${since.slice(4, 6)}-${since.slice(6, 8)}`
    throw historyGone(
      `Of the changes of ${day} only what they came to at its end is kept: begin and end the range at the end of a day (UTC)`,
      { from, ...(to === '~' ? {} : { to }), since, until },
    )
  }
}

export interface MergedRuns {
  /** What commits of the range say. */
  runs: readonly CoalescedRun[]
  /** What no commit says yet: all logs are still there, and a compaction may have read the merged one as well. */
  underWay: readonly CoalescedRun[]
  /** Paths of all data files. */
  present: ReadonlySet<string>
}

/**
 * Without the logs that others stand for and that are gone, and without the base files of compactions that took in
 * merged logs: their rows have the commit times of before, or that of the merged log, so what belongs to the range is to
 * be found in the logs alone.
 * @throws ConfigError LAKE_HISTORY_GONE when it is not
 */
export function filesToRead(
  written: readonly WrittenFile[],
  { runs, underWay, present }: MergedRuns,
): DataFile[] {
  const runsOf = Map.groupBy(runs, ({ group }) => group)
  const underWayOf = Map.groupBy(underWay, ({ group }) => group)
  return written.flatMap(({ file, isCompacted, completion }) => {
    const { kind, path, instant, partitionPath, fileId } = file
    const group = fileGroupKey(partitionPath, fileId)
    const ofGroup = runsOf.get(group) ?? []
    if (kind === 'log') {
      const isMerged = ofGroup.some(({ since, until }) => since <= completion && completion < until)
      return isMerged && !present.has(path) ? [] : [file]
    }
    const merged = [...ofGroup, ...(underWayOf.get(group) ?? [])]
    if (!merged.some(({ until }) => until < instant)) return [file]
    if (isCompacted) return []
    throw historyGone(
      'A file that the range needs was written when its commits were not merged by days yet',
      {
        path,
      },
    )
  })
}
