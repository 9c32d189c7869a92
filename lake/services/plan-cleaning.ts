// What may be removed from a table, decided from listings alone. Readers since `retainedFrom` need, of each file
// group, the slice that was current then and all later ones; what is older goes. So do the leftovers of writers that
// died: files whose instant is neither complete nor can become so any more.
//
// The timeline is trimmed from its beginning. A log must not outlive its instant there: readers would no longer know
// when it completed and take it for a part of the newest slice, and rows deleted since would come back.
import type { ThinningView } from './thin-bases.ts'
import { thinnedBases } from './thin-bases.ts'
import type { Replacement } from './replaced-groups.ts'
import { replacementsInUse, retiredFiles } from './replaced-groups.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { timelineView } from '#lake/reader/timeline-view.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { firstInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'

export interface CleaningView {
  layout: TimelineLayout
  files: readonly DataFile[]
  /** The whole timeline, oldest first. */
  timeline: readonly TimelineInstant[]
  /** No step staged under an earlier instant can be taken any more, and all that were are on the timeline. */
  instantFloor: InstantTime
  /** The states at and after this time stay readable. */
  retainedFrom: InstantTime
  /** Instants that stay on the timeline however old they are. */
  instantsMin: number
  /** Instants to trim at once, at most. */
  trimMax: number
  /** Null: base files between the states that stay readable are kept too (tables without log files). */
  thinning: Pick<ThinningView, 'supersededBefore' | 'logShareMax'> | null
  /** All replace commits on the timeline. */
  replacements: readonly Replacement[]
}

export interface CleaningPlan {
  /** Data files to remove; all of them before the first instant is. */
  files: readonly DataFile[]
  /** Instants to take off the beginning of the timeline, in this order. */
  instants: readonly InstantTime[]
  /** Compactions that have no file left: to take off the timeline wherever they stand. */
  emptied: readonly InstantTime[]
  /** States at and after this time are whole when the files are gone. */
  horizon: InstantTime
}

export function planCleaning(view: CleaningView): CleaningPlan {
  const { timeline, files, layout } = view
  const first = timeline.find(({ state }) => state === 'completed')?.instant ?? null
  const committed = timelineView({ layout: 2, instants: timeline, first, replaced: new Set() })
  const horizon = horizonOf(view)
  const removed = new Set([
    ...superseded(files, { layout, timeline: committed }, horizon),
    ...leftovers(view, committed),
    ...retiredFiles(files, view.replacements, horizon),
  ])
  for (const file of thinned({ ...view, files: files.filter(at => !removed.has(at)) }, committed, horizon))
    removed.add(file)
  const left = { ...view, files: files.filter(file => !removed.has(file)) }
  const instants = trimmed(left, horizon)
  return {
    files: files.filter(file => removed.has(file)),
    instants,
    emptied: emptied(left, committed).filter(at => at !== committed.completed[instants.length]?.instant),
    horizon,
  }
}

/** Only while nothing is pending: what another engine has under way may count on any file. */
function thinned(view: CleaningView, committed: TimelineView, horizon: InstantTime): DataFile[] {
  const { files, timeline, thinning } = view
  if (thinning === null || timeline.some(({ state }) => state !== 'completed')) return []
  const pinned = timeline.flatMap(({ action, instant }) => (action === 'savepoint' ? [instant] : []))
  return thinnedBases({ ...thinning, files, timeline: committed, horizon, pinned })
}

function emptied({ files, instantFloor, thinning }: CleaningView, committed: TimelineView): InstantTime[] {
  if (thinning === null) return []
  const written = new Set(files.map(({ instant }) => instant))
  return committed.completed.flatMap(({ action, instant }) =>
    action === 'commit' && instant < instantFloor && !written.has(instant) ? [instant] : [],
  )
}

/** What is pending may need any state since it began, and a savepoint needs the state it names. */
function horizonOf({ timeline, retainedFrom }: CleaningView): InstantTime {
  let horizon = retainedFrom
  for (const { state, action, instant } of timeline)
    if ((state !== 'completed' || action === 'savepoint') && instant < horizon) horizon = instant
  return horizon
}

/** The files of slices that were followed by another one before the horizon. */
function superseded(
  files: readonly DataFile[],
  { layout, timeline }: { layout: TimelineLayout; timeline: TimelineView },
  horizon: InstantTime,
): readonly DataFile[] {
  const completionTime = (file: DataFile): InstantTime =>
    timeline.completionTime(file.instant) ?? firstInstant
  const currentBases = new Map<string, InstantTime>()
  for (const file of files) {
    if (file.kind !== 'base' || !timeline.isCommitted(file.instant)) continue
    if (completionTime(file) > horizon) continue
    const group = groupOf(file)
    if ((currentBases.get(group) ?? '') < file.instant) currentBases.set(group, file.instant)
  }
  return files.filter(file => {
    const base = currentBases.get(groupOf(file))
    if (base === undefined || !timeline.isCommitted(file.instant)) return false
    // A log of layout 1 names the base file of its slice.
    if (file.kind === 'base' || layout === 1) return file.instant < base
    const completed = timeline.completionTime(file.instant)
    return completed !== null && completed < base
  })
}

function groupOf({ partitionPath, fileId }: DataFile): string {
  return fileGroupKey(partitionPath, fileId)
}

function leftovers({ files, timeline, instantFloor }: CleaningView, committed: TimelineView): DataFile[] {
  const known = new Set(timeline.map(({ instant }) => instant))
  return files.filter(
    ({ instant }) => instant < instantFloor && !known.has(instant) && !committed.isCommitted(instant),
  )
}

function trimmed(view: CleaningView, horizon: InstantTime): InstantTime[] {
  const { layout, files, timeline, instantFloor, instantsMin, trimMax, replacements } = view
  const inUse = replacementsInUse(files, replacements)
  const logs = new Set(files.flatMap(({ kind, instant }) => (kind === 'log' ? [instant] : [])))
  const oldestLog = logs.size === 0 ? null : [...logs].reduce((a, b) => (a < b ? a : b))
  const saved = new Set(timeline.flatMap(({ action, instant }) => (action === 'savepoint' ? [instant] : [])))
  const count = Math.min(timeline.length - instantsMin, trimMax)
  const instants: InstantTime[] = []
  for (const [at, { instant, completionTime }] of timeline.slice(0, Math.max(count, 0)).entries()) {
    if (completionTime === null || completionTime > horizon || instant >= instantFloor) break
    if (!mayComeFirst(timeline.slice(at + 1), horizon < instantFloor ? horizon : instantFloor)) break
    // A savepoint names what must stay; only a replace commit tells that files are retired, only the instant of a log
    // when it completed.
    if (saved.has(instant) || inUse.has(instant) || logs.has(instant)) break
    // In layout 1 a log may have been written by any commit since its slice began.
    if (layout === 1 && oldestLog !== null && instant >= oldestLog) break
    instants.push(instant)
  }
  return instants
}

/**
 * Whether the timeline may begin with these. Whatever is older than its first completed instant passes for committed,
 * so that one must be so old that all leftovers before it are removed, and no writer is about to stage there.
 */
function mayComeFirst(left: readonly TimelineInstant[], settled: InstantTime): boolean {
  const first = left.find(({ state }) => state === 'completed')
  return first !== undefined && first.instant <= settled
}
