// Puts data files together into file slices: a base file and the log files that change it. Only the newest
// slice of a file group is read. In version 8 and later a log belongs to the youngest base whose instant is
// not after the log's completion (HoodieFileGroup.getBaseInstantTime); before, its name says the base instant.
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { DataFile } from './data-file.ts'
import type { TimelineView } from './timeline-view.ts'

export interface FileSlice {
  partitionPath: string
  fileId: string
  /** The base file's instant, or the first log's when there is no base file. */
  baseInstant: InstantTime
  base: DataFile | null
  /** In the order in which their changes apply. */
  logs: readonly DataFile[]
}

/** The newest slice of each file group, by partition path and file id. */
export function latestSlices(files: Iterable<DataFile>, timeline: TimelineView): FileSlice[] {
  const groups = new Map<string, DataFile[]>()
  for (const file of files) {
    const key = `${file.partitionPath}/${file.fileId}`
    if (timeline.replaced.has(key)) continue
    const group = groups.get(key)
    if (group) group.push(file)
    else groups.set(key, [file])
  }
  const slices: FileSlice[] = []
  for (const key of [...groups.keys()].toSorted()) {
    const slice = latestSlice(groups.get(key)!, timeline)
    if (slice) slices.push(slice)
  }
  return slices
}

function latestSlice(files: readonly DataFile[], timeline: TimelineView): FileSlice | null {
  const bases = files
    .filter(file => file.kind === 'base' && timeline.isCommitted(file.instant))
    .toSorted((a, b) => (a.instant < b.instant ? 1 : -1))
  const base = bases[0] ?? null
  const logs = files.filter(file => file.kind === 'log' && isLogOf(file, base, timeline)).toSorted(logOrder)
  const any = base ?? logs[0]
  if (!any) return null
  const { partitionPath, fileId, instant } = any
  return { partitionPath, fileId, baseInstant: instant, base, logs }
}

function isLogOf(log: DataFile, base: DataFile | null, timeline: TimelineView): boolean {
  // The name of a version-6 log tells the slice, not the commit: its blocks tell that (merge.ts). Logs against
  // a pending compaction carry its instant, so all that are not older than the base belong to it.
  if (timeline.layout === 1) return base === null || log.instant >= base.instant
  if (!timeline.isCommitted(log.instant)) return false
  const completion = timeline.completionTime(log.instant)
  return base === null || completion === null || completion >= base.instant
}

function logOrder(a: DataFile, b: DataFile): number {
  if (a.instant !== b.instant) return a.instant < b.instant ? -1 : 1
  if (a.version !== b.version) return a.version - b.version
  return a.name < b.name ? -1 : 1
}
