// Where a file group's history may begin anew. The oldest state that must stay readable is made of a base file that may
// be much older than it, and of all logs since. Merged into a base file of that state's own, the older ones are needed
// no more: the past then costs one base file and the changes since, however long the table lives.
import type { DataFile } from '#lake/reader/data-file.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface AdvanceView {
  files: readonly DataFile[]
  timeline: TimelineView
  /** The oldest state that must stay readable. */
  horizon: InstantTime
  /** Bytes of logs per byte of the base file from which on it is worth it. */
  logShareMin: number
}

export interface Advance {
  /** What to merge: the slice as of the horizon. */
  slice: FileSlice
  /** The instant the new base file is written under: that of the last log to complete, which is committed. */
  instant: InstantTime
  completion: InstantTime
}

export function advances(view: AdvanceView): Advance[] {
  const groups = Map.groupBy(view.files, ({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId))
  return [...groups.values()].flatMap(group => advanceOf(group, view) ?? [])
}

function advanceOf(group: readonly DataFile[], view: AdvanceView): Advance | null {
  const { timeline, horizon, logShareMin } = view
  const bases = group.filter(({ kind, instant }) => kind === 'base' && timeline.isCommitted(instant))
  const completionOf = ({ instant }: DataFile): InstantTime => timeline.completionTime(instant) ?? instant
  const base = bases
    .filter(file => completionOf(file) <= horizon)
    .toSorted((a, b) => (a.instant < b.instant ? 1 : -1))[0]
  // The newest slice is for compactions, which writers know of.
  if (base === undefined || !bases.some(({ instant }) => instant > horizon)) return null
  const logs = group
    .filter(({ kind, instant }) => kind === 'log' && timeline.completionTime(instant) !== null)
    .filter(log => completionOf(log) >= base.instant && completionOf(log) <= horizon)
    .toSorted((a, b) => (a.instant === b.instant ? a.version - b.version : a.instant < b.instant ? -1 : 1))
  const bytes = logs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const last = logs.toSorted((a, b) => (completionOf(a) < completionOf(b) ? -1 : 1)).at(-1)
  if (last === undefined || bytes < logShareMin * base.sizeBytes) return null
  // Two base files of one instant in a group are more than readers can tell apart.
  if (last.instant <= base.instant || bases.some(({ instant }) => instant === last.instant)) return null
  const { partitionPath, fileId, instant: baseInstant } = base
  return {
    slice: { partitionPath, fileId, baseInstant, base, logs },
    instant: last.instant,
    completion: completionOf(last),
  }
}
