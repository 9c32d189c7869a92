// Cleaning: removes the files nobody can need any more (plan-cleaning.ts says which), then trims the timeline.
// Any number of cleaners may be at it at once, and each may die anywhere: files go before the instants that tell what
// they are, instants from the oldest on, one after the other. So whoever lists the timeline sees a whole rest of it.
import { tidyHistory } from './archive.ts'
import { defaultHistoryPolicy } from './plan-archiving.ts'
import type { ServiceContext } from './compact.ts'
import { planCleaning } from './plan-cleaning.ts'
import type { ThinningPolicy } from './thin-bases.ts'
import { completeRecord, recordCleaning } from './record-cleaning.ts'
import { loadReplacements } from './replaced-groups.ts'
import type { Retention } from './retention.ts'
import { retainedFrom } from './retention.ts'
import { defaultThinningPolicy } from './thin-bases.ts'
import { trimTimeline } from './trim-timeline.ts'
import { asideFolder, asideInstant } from '#lake/journal/placement.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant, parseInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export interface CleaningPolicy extends Retention {
  /** Instants that stay on the timeline however old they are. */
  instantsMin: number
  /** Whether the timeline says what was cleaned. */
  recorded?: boolean
  /** Least time between two cleanings that the timeline tells of. */
  everyMs?: number
  /** So many instants leave the timeline at once, at least. 1 when undefined. */
  trimMin?: number
  /** How long instants are known in the history; 0: it is not kept. 90 days when undefined. */
  historyMs?: number
  /** Null: every base file stays as long as its state does. */
  thinning: ThinningPolicy | null
}

export const defaultCleaningPolicy: CleaningPolicy = {
  retentionMs: 24 * 3_600_000,
  instantsMin: 30,
  thinning: defaultThinningPolicy,
}

/**
 * Below one page of a listing, so that a reader sees what is trimmed meanwhile either whole or not at all.
 */
const trimMax = 200
const deleteBatch = 500
/** No write takes as long. */
const unfinishedMsMin = 24 * 3_600_000
const historyMsDefault = 90 * 24 * 3_600_000

export interface Cleaned {
  files: number
  bytes: number
  /** Instants trimmed. */
  instants: number
}

const nothing: Cleaned = { files: 0, bytes: 0, instants: 0 }

export async function clean(context: ServiceContext, policy: CleaningPolicy): Promise<Cleaned> {
  const { store, definition, journal, clock, signal } = context
  const { layout } = journal
  // In this order: every step staged before the floor is on the timeline that is listed afterwards.
  const { instantFloor } = await journal.refresh()
  const timeline = await loadTimeline(store, layout)
  const isRecorded = policy.recorded === true && layout === 2
  if (isRecorded) await completeRecord(store, timeline)
  if (ageOfNewest(timeline, clock.nowMs()) < (policy.everyMs ?? 0)) return nothing
  const startedAtMs = clock.nowMs()
  const { thinning } = policy
  const { files, instants, emptied, horizon } = planCleaning({
    layout,
    files: await listDataFiles(store),
    timeline,
    instantFloor,
    retainedFrom: retainedFrom(timeline, policy, { type: definition.tableType, nowMs: clock.nowMs() }),
    replacements: await loadReplacements(store, timeline),
    instantsMin: policy.instantsMin,
    trimMax,
    thinning:
      thinning !== null && definition.tableType === 'MERGE_ON_READ' && layout === 2
        ? {
            supersededBefore: formatInstant(
              clock.nowMs() - Math.min(thinning.queryMsMax, policy.retentionMs),
            ),
            logShareMax: thinning.logShareMax,
          }
        : null,
  })
  for (let at = 0; at < files.length; at += deleteBatch) {
    signal.throwIfAborted()
    await store.delete(files.slice(at, at + deleteBatch).map(({ path }) => path))
  }
  if (isRecorded && files.length > 0) await recordCleaning(context, { files, timeline, horizon, startedAtMs })
  const due = instants.length < (policy.trimMin ?? 1) ? [] : instants
  const trimmed = (await trim(context, due, policy)) + (await trim(context, emptied, policy))
  await removeAside(context, instantFloor)
  await store.removeUnfinished?.(clock.nowMs() - unfinishedMsMin)
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { files: files.length, bytes, instants: trimmed }
}

/** How long ago the table was cleaned, by anyone who said so. */
function ageOfNewest(timeline: readonly TimelineInstant[], nowMs: number): number {
  const newest = timeline.findLast(({ action, state }) => action === 'clean' && state === 'completed')
  return newest === undefined ? Infinity : nowMs - parseInstant(newest.instant)
}

/** @returns how many instants left the timeline */
async function trim(
  context: ServiceContext,
  instants: readonly InstantTime[],
  { historyMs = historyMsDefault }: CleaningPolicy,
): Promise<number> {
  if (instants.length === 0) return 0
  const { store, journal, clock, signal } = context
  const trimmed = await trimTimeline(context, instants, historyMs > 0)
  const keptFrom = formatInstant(clock.nowMs() - historyMs)
  if (journal.layout === 2)
    await journal.underLock(lock => tidyHistory({ store, signal, lock }, defaultHistoryPolicy, keptFrom))
  return trimmed
}

/** What was kept aside for steps that can no longer be taken. */
async function removeAside({ store, signal }: ServiceContext, instantFloor: InstantTime): Promise<void> {
  const gone: string[] = []
  for await (const { path } of store.list(asideFolder)) if (asideInstant(path) < instantFloor) gone.push(path)
  signal.throwIfAborted()
  if (gone.length > 0) await store.delete(gone)
}
