// The active timeline as a store has it: which instants there are, how far each has come, and when it completed.
import type { InstantFile, InstantState, TimelineLayout } from './instant-file.ts'
import { parseInstantFileName, timelineFolder } from './instant-file.ts'
import type { InstantTime } from './instant.ts'
import { firstInstant, laterInstant } from './instant.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

export interface TimelineInstant {
  instant: InstantTime
  /** The completed action's name when completed (`commit` for a compaction), else the pending one's. */
  action: string
  state: InstantState
  /** When it completed; in layout 1, which keeps no completion times, the instant itself. Null while pending. */
  completionTime: InstantTime | null
  /** Path of the completed file, or of the pending one that is furthest. */
  path: string
}

const rank: Readonly<Record<InstantState, number>> = { requested: 0, inflight: 1, completed: 2 }

/**
 * Instants in ascending order, only those after `after` when given. A savepoint has the instant of the commit it saves,
 * and comes after it; one that is not complete holds nothing yet.
 * An inflight file in layout 1 is reported once, as is everything else: by its furthest state.
 *
 * Cleaners trim the timeline from its beginning, in order. A listing that began before and went on after would have
 * a hole, and the files of those instants would seem to be no part of the table. When the first instant is still
 * there at the end, there is none.
 */
export async function loadTimeline(
  store: ObjectStore,
  layout: TimelineLayout,
  after?: InstantTime,
): Promise<TimelineInstant[]> {
  for (;;) {
    const instants = await listTimeline(store, layout, after)
    const first = instants.find(({ state }) => state === 'completed')
    if (after !== undefined || first === undefined || (await isThere(store, first))) return instants
  }
}

async function isThere(store: ObjectStore, { path }: TimelineInstant): Promise<boolean> {
  return (await store.getRange(path, 0, 1)) !== null
}

/** Whether what is left of the timeline begins after the instant. */
export async function isArchived(
  store: ObjectStore,
  layout: TimelineLayout,
  instant: InstantTime,
): Promise<boolean> {
  const timeline = await listTimeline(store, layout, undefined)
  const first = timeline.find(({ state }) => state === 'completed')
  return first !== undefined && first.instant > instant
}

/** One instant, by its furthest state, savepoints aside; null when the timeline does not have it. */
export async function findInstant(
  store: ObjectStore,
  layout: TimelineLayout,
  instant: InstantTime,
): Promise<TimelineInstant | null> {
  const folder = `${timelineFolder(layout)}/`
  let found: (InstantFile & { path: string }) | null = null
  for await (const { path } of store.list(`${folder}${instant}`)) {
    const file = parseInstantFileName(path.slice(folder.length))
    if (file === null || file.action === 'savepoint') continue
    if (found === null || rank[file.state] > rank[found.state]) found = { ...file, path }
  }
  return found && timelineInstant(found)
}

async function listTimeline(
  store: ObjectStore,
  layout: TimelineLayout,
  after: InstantTime | undefined,
): Promise<TimelineInstant[]> {
  const folder = `${timelineFolder(layout)}/`
  const files = new Map<InstantTime, InstantFile & { path: string }>()
  const savepoints: (InstantFile & { path: string })[] = []
  // Instants begin with a digit. What sorts before (`.sluice/`) is skipped, what sorts behind (`archived/`,
  // `history/`, `hoodie.properties`) ends the listing: `/` comes just before `0`, `:` just after `9`.
  const start = `${folder}${after === undefined ? '/' : `${after}~`}`
  for await (const { path } of store.list(folder, start)) {
    const name = path.slice(folder.length)
    if (name > ':') break
    const file = parseInstantFileName(name)
    if (file === null || (after !== undefined && file.instant <= after)) continue
    if (file.action === 'savepoint') {
      if (file.state === 'completed') savepoints.push({ ...file, path })
      continue
    }
    const known = files.get(file.instant)
    if (known === undefined || rank[file.state] > rank[known.state])
      files.set(file.instant, { ...file, path })
  }
  return [...files.values(), ...savepoints]
    .toSorted((a, b) => (a.instant === b.instant ? 0 : a.instant < b.instant ? -1 : 1))
    .map(timelineInstant)
}

function timelineInstant(file: InstantFile & { path: string }): TimelineInstant {
  const { instant, action, state, path } = file
  const completionTime = state === 'completed' ? (file.completionTime ?? instant) : null
  return { instant, action, state, completionTime, path }
}

/** The latest instant and the latest completion time of these. */
export function latestTimes(timeline: readonly TimelineInstant[]): {
  instant: InstantTime
  completionTime: InstantTime
} {
  let instant = firstInstant
  let completionTime = firstInstant
  for (const at of timeline) {
    instant = laterInstant(instant, at.instant)
    if (at.completionTime !== null) completionTime = laterInstant(completionTime, at.completionTime)
  }
  return { instant, completionTime }
}
