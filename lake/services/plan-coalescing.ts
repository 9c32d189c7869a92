// Which log files are to become one. Of the older past of a table only the state at the end of each day (UTC) is kept,
// so the logs of a file group that began and completed on one day, within one file slice, are merged into a single log
// file under the instant of the last of them. Time travel goes by the instants of commits, incremental queries by their
// completion: a commit that was under way at midnight belongs to one day by the one and to the next by the other, so it
// stays by itself. Logs on both sides of a base file never mix: what a compaction has merged must not come back over
// its base file. And only neighbours mix: a change must not move past one that stays where it is.
import type { DataFile } from '#lake/reader/data-file.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface CoalescingView {
  files: readonly DataFile[]
  timeline: TimelineView
  /** Days that end after this time keep each commit. */
  before: InstantTime
  /** The newest savepoint: whoever goes back to it needs the logs up to it. */
  after: InstantTime
  /** Paths of logs that are merged already, or that a merge made. */
  done: ReadonlySet<string>
  /** Logs that hold more than this many bytes together become more than one. */
  bytesMax: number
}

/** Logs to merge, in the order in which they completed. */
export interface LogRun {
  partitionPath: string
  fileId: string
  logs: readonly DataFile[]
  /** The instant the merged log is written under: that of the last to complete. */
  instant: InstantTime
}

interface CompletedLog {
  file: DataFile
  completion: InstantTime
  isDone: boolean
}

export function runsToCoalesce(view: CoalescingView): LogRun[] {
  const groups = Map.groupBy(view.files, ({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId))
  return [...groups.values()].flatMap(group => runsOfGroup(group, view))
}

function runsOfGroup(group: readonly DataFile[], view: CoalescingView): LogRun[] {
  const bases = group
    .filter(({ kind, instant }) => kind === 'base' && view.timeline.isCommitted(instant))
    .map(({ instant }) => instant)
    .toSorted()
  const runs: CompletedLog[][] = []
  let before: CompletedLog | null = null
  let bytes = 0
  for (const log of completedLogs(group, view)) {
    bytes += log.file.sizeBytes
    const goesOn = before !== null && isOneState(before, log, bases) && bytes <= view.bytesMax
    if (goesOn) runs.at(-1)!.push(log)
    else {
      runs.push([log])
      bytes = log.file.sizeBytes
    }
    before = log
  }
  return runs.filter(run => run.length > 1).map(runOf)
}

/** Logs of days that are over, which the timeline still tells the completion of. */
function completedLogs(
  group: readonly DataFile[],
  { timeline, before, after, done }: CoalescingView,
): CompletedLog[] {
  return group
    .flatMap(file => {
      const completion = file.kind === 'log' ? timeline.completionTime(file.instant) : null
      const isOver = completion !== null && dayAfter(completion) <= before
      return completion !== null && isOver
        ? [{ file, completion, isDone: done.has(file.path) || file.instant <= after }]
        : []
    })
    .toSorted((a, b) =>
      a.completion === b.completion ? a.file.version - b.file.version : a.completion < b.completion ? -1 : 1,
    )
}

/** The least instant text that is later than all of the day. */
function dayAfter(time: InstantTime): string {
  return `${dayOf(time)}24`
}

export function startOfDay(time: InstantTime): InstantTime {
  return `${dayOf(time)}000000000`
}

function dayOf(time: InstantTime): string {
  return time.slice(0, 8)
}

function isOneState(a: CompletedLog, b: CompletedLog, bases: readonly InstantTime[]): boolean {
  const isBetween = bases.some(base => a.completion < base && base <= b.completion)
  const isOfOneDay =
    dayOf(a.completion) === dayOf(b.completion) && dayOf(a.file.instant) === dayOf(b.file.instant)
  return isOfOneDay && !isBetween && !a.isDone && !b.isDone
}

function runOf(run: readonly CompletedLog[]): LogRun {
  const { partitionPath, fileId, instant } = run.at(-1)!.file
  return { partitionPath, fileId, logs: run.map(({ file }) => file), instant }
}
