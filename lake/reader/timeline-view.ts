// What the active timeline says about data files: which instants are part of the table, when they completed,
// and which file groups were replaced. A file counts as committed when its instant is complete, or lies before
// the first instant still on the timeline (older instants were archived or trimmed).
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

/** Actions whose completed instant adds data files. */
export const writingActions: ReadonlySet<string> = new Set(['commit', 'deltacommit', 'replacecommit'])

export interface TimelineView {
  layout: TimelineLayout
  /** Completed writing actions, oldest first. */
  completed: readonly TimelineInstant[]
  /** File groups retired by replace commits, as `partitionPath/fileId`. */
  replaced: ReadonlySet<string>
  /** Whether files of this instant are part of the table. */
  isCommitted(instant: InstantTime): boolean
  /** When the instant completed; null when the timeline no longer tells. */
  completionTime(instant: InstantTime): InstantTime | null
}

/** The timeline as it stands, or as it stood at `asOf` (instants up to it, whenever they completed). */
export async function readTimeline(
  store: ObjectStore,
  layout: TimelineLayout,
  asOf?: InstantTime,
): Promise<TimelineView> {
  const instants = await loadTimeline(store, layout)
  const first = instants.find(({ state }) => state === 'completed')?.instant ?? null
  const known = instants.filter(({ instant }) => asOf === undefined || instant <= asOf)
  const replaced = new Set<string>()
  for (const { state, action, path } of known)
    if (state === 'completed' && action === 'replacecommit')
      for (const group of await replacedGroups(store, path)) replaced.add(group)
  return timelineView({ layout, instants: known, first, replaced })
}

async function replacedGroups(store: ObjectStore, path: string): Promise<string[]> {
  const bytes = await store.get(path)
  if (bytes === null) return []
  const replaced = decodeCommitMetadata(bytes, { table: store.url, path }).partitionToReplaceFileIds ?? {}
  return Object.entries(replaced).flatMap(([partition, ids]) => ids.map(id => `${partition}/${id}`))
}

export function timelineView(given: {
  layout: TimelineLayout
  instants: readonly TimelineInstant[]
  /** The first completed instant on the whole timeline. */
  first: InstantTime | null
  replaced: ReadonlySet<string>
}): TimelineView {
  const { layout, instants, first, replaced } = given
  const completed = instants.filter(
    ({ state, action }) => state === 'completed' && writingActions.has(action),
  )
  const completions = new Map(completed.map(at => [at.instant, at.completionTime]))
  const pending = new Set(instants.filter(({ state }) => state !== 'completed').map(({ instant }) => instant))
  return {
    layout,
    completed,
    replaced,
    isCommitted: instant =>
      completions.has(instant) || (first !== null && instant < first && !pending.has(instant)),
    completionTime: instant => completions.get(instant) ?? null,
  }
}
