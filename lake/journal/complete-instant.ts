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

/** The rest of a reservation (instant-allocator.ts), and what clocks that are kept in step differ by. */
const aheadMsMax = 1_000

/**
 * Not before its completion time has come. An engine that begins when the instant is in view takes the time of its
 * clock for its own, and what it writes over a base file of ours counts only if that is the later one: it would be
 * hidden behind ours, and its rows lost. Where a writer's clock is far ahead, waiting would not mend that.
 *
 * New rows come into view with their instant, so their files are there before it. A compaction changes no rows: its
 * instant goes first, and each of its files takes over the moment it appears.
 */
export async function completeInstant(entry: JournalEntry, context: CompletionContext): Promise<void> {
  const { instant, kind, placements = [] } = entry
  const { store, layout, clock } = context
  if (instant === null) return
  const aheadMs = parseInstant(instant.completionTime) - clock.nowMs()
  const waitMs =
    layout === 1
      ? parseInstant(instant.time) + fileTimeGranularityMs - clock.nowMs()
      : aheadMs > aheadMsMax
        ? 0
        : aheadMs
  if (waitMs > 0) await clock.sleep(waitMs)
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
