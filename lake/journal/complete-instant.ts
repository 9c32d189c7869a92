// Puts the instant an entry stands for on the timeline, and its files in place. Whoever meets the entry as the newest
// one does so before anything is built on it; done twice it changes nothing.
import type { JournalEntry } from './entry.ts'
import { fileTimeGranularityMs, keepFileTime } from './file-time.ts'
import { placeFiles } from './placement.ts'
import type { Clock } from '#common/clock.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { completedPath } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { parseInstant } from '#lake/timeline/instant.ts'
import { isArchived } from '#lake/timeline/timeline.ts'

export interface CompletionContext {
  store: ObjectStore
  layout: TimelineLayout
  clock: Clock
  /** The last completion known on the timeline. */
  lastCompletionTime: InstantTime
}

/**
 * New rows come into view with their instant, so their files are there before it. A compaction changes no rows: its
 * instant goes first, and each of its files takes over the moment it appears.
 */
export async function completeInstant(entry: JournalEntry, context: CompletionContext): Promise<void> {
  const { instant, kind, placements = [] } = entry
  const { store, layout, clock } = context
  if (instant === null) return
  if (layout === 1) {
    const waitMs = parseInstant(instant.time) + fileTimeGranularityMs - clock.nowMs()
    if (waitMs > 0) await clock.sleep(waitMs)
  }
  if (kind !== 'compact') await placeFiles(store, placements)
  if (!(await wasArchived(entry, context))) {
    const file = {
      path: pathOf(entry, layout)!,
      bytes: Buffer.from(instant.body, 'base64'),
      instant: instant.time,
    }
    await store.putIfAbsent(file.path, file.bytes)
    if (layout === 1) await keepFileTime(file, context)
  }
  if (kind === 'compact') await placeFiles(store, placements)
}

/**
 * Whether the instant lies before what is left of the timeline: other engines went on from it, and archived it. Made
 * anew it would stand before a hole, and readers would take the instants in the hole for uncommitted.
 */
async function wasArchived(
  { instant }: JournalEntry,
  { store, layout, lastCompletionTime }: CompletionContext,
): Promise<boolean> {
  return lastCompletionTime > instant!.completionTime && isArchived(store, layout, instant!.time)
}

export async function isOnTimeline(
  store: ObjectStore,
  layout: TimelineLayout,
  entry: JournalEntry,
): Promise<boolean> {
  const path = pathOf(entry, layout)
  return path !== null && (await store.get(path)) !== null
}

function pathOf({ instant }: JournalEntry, layout: TimelineLayout): string | null {
  return instant && completedPath(layout, instant.action, instant.time, instant.completionTime)
}
