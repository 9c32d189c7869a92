// Which superseded base files a table can do without though its past must stay readable. A base file that a compaction
// wrote holds nothing that the base file before it and the logs between do not: with it gone, readers of the past start
// from the earlier one and merge more logs, and every state stays as it was. So the past of a merge-on-read table
// costs its changes, not a copy of the table for each compaction.
import type { DataFile } from '#lake/reader/data-file.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface ThinningPolicy {
  /** A superseded base file is kept this long for the queries that began while it was the newest. */
  queryMsMax: number
  /** Logs of the past are read over one base file until they hold this many bytes for each byte of the next one. */
  logShareMax: number
}

/** Keeping one more base file costs as much as it saves when logs are about 1.7 times its size. */
export const defaultThinningPolicy: ThinningPolicy = { queryMsMax: 3_600_000, logShareMax: 2 }

export interface ThinningView {
  files: readonly DataFile[]
  /** The committed instants. */
  timeline: TimelineView
  /** Of the states that must stay readable, the oldest. What the slice of then needs is whole, what is older may not be. */
  horizon: InstantTime
  /** A base file may go when the one after it completed before. */
  supersededBefore: InstantTime
  /** Savepoints: the base files that were current then stay. */
  pinned: readonly InstantTime[]
  logShareMax: number
}

/** Base files to remove, of merge-on-read tables of layout 2. */
export function thinnedBases(view: ThinningView): DataFile[] {
  const groups = Map.groupBy(view.files, ({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId))
  const compactions = new Set(
    view.timeline.completed.flatMap(({ action, instant }) => (action === 'commit' ? [instant] : [])),
  )
  return [...groups.values()].flatMap(group => thinnedGroup(group, view, compactions))
}

function thinnedGroup(
  group: readonly DataFile[],
  { timeline, horizon, supersededBefore, pinned, logShareMax }: ThinningView,
  compactions: ReadonlySet<InstantTime>,
): DataFile[] {
  const bases = group
    .filter(({ kind, instant }) => kind === 'base' && timeline.isCommitted(instant))
    .toSorted((a, b) => (a.instant < b.instant ? -1 : 1))
  const current = bases.findLastIndex(({ instant }) => completionOf(instant, timeline) <= horizon)
  let kept = bases[Math.max(current, 0)]
  const thinned: DataFile[] = []
  for (let at = Math.max(current, 0) + 1; at < bases.length - 1; at++) {
    const base = bases[at]!
    const next = bases[at + 1]!.instant
    const isPinned = pinned.some(instant => base.instant <= instant && instant < next)
    const logBytes = bytesOfLogs(group, { from: kept!.instant, to: next }, timeline)
    const canGo =
      compactions.has(base.instant) &&
      completionOf(next, timeline) < supersededBefore &&
      !isPinned &&
      logBytes <= logShareMax * base.sizeBytes
    if (canGo) thinned.push(base)
    else kept = base
  }
  return thinned
}

function completionOf(instant: InstantTime, timeline: TimelineView): InstantTime {
  return timeline.completionTime(instant) ?? instant
}

/** Of the logs whose slices began within. */
function bytesOfLogs(
  group: readonly DataFile[],
  { from, to }: { from: InstantTime; to: InstantTime },
  timeline: TimelineView,
): number {
  let bytes = 0
  for (const { kind, instant, sizeBytes } of group) {
    if (kind !== 'log') continue
    const completion = completionOf(instant, timeline)
    if (completion >= from && completion < to) bytes += sizeBytes
  }
  return bytes
}
