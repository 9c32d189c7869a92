// Cleaning: removes the files nobody can need any more (plan-cleaning.ts says which), then trims the timeline.
// Any number of cleaners may be at it at once, and each may die anywhere: files go before the instants that tell what
// they are, instants from the oldest on, one after the other. So whoever lists the timeline sees a whole rest of it.
import type { ServiceContext } from './compact.ts'
import { planCleaning } from './plan-cleaning.ts'
import { asideFolder, asideInstant } from '#lake/journal/placement.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { parseInstantFileName, timelineFolder } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export interface CleaningPolicy {
  /** States of the table that are younger stay readable, by time travel and incremental queries too. */
  retentionMs: number
  /** Instants that stay on the timeline however old they are. */
  instantsMin: number
}

export const defaultCleaningPolicy: CleaningPolicy = { retentionMs: 24 * 3_600_000, instantsMin: 30 }

/**
 * Below one page of a listing, so that a reader sees what is trimmed meanwhile either whole or not at all.
 */
const trimMax = 200
const deleteBatch = 500

export interface Cleaned {
  files: number
  bytes: number
  /** Instants trimmed. */
  instants: number
}

export async function clean(context: ServiceContext, policy: CleaningPolicy): Promise<Cleaned> {
  const { store, journal, clock, signal } = context
  const { layout } = journal
  // In layout 1 nothing tells when a log completed.
  if (layout === 1) return { files: 0, bytes: 0, instants: 0 }
  // In this order: every step staged before the floor is on the timeline that is listed afterwards.
  const { instantFloor } = await journal.refresh()
  const timeline = await loadTimeline(store, layout)
  const { files, instants } = planCleaning({
    files: await listDataFiles(store),
    timeline,
    instantFloor,
    retainedFrom: formatInstant(clock.nowMs() - policy.retentionMs),
    instantsMin: policy.instantsMin,
    trimMax,
  })
  for (let at = 0; at < files.length; at += deleteBatch) {
    signal.throwIfAborted()
    await store.delete(files.slice(at, at + deleteBatch).map(({ path }) => path))
  }
  if (instants.length > 0) await trim(context, layout, instants)
  await removeAside(context, instantFloor)
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { files: files.length, bytes, instants: instants.length }
}

/** What was kept aside for steps that can no longer be taken. */
async function removeAside({ store, signal }: ServiceContext, instantFloor: InstantTime): Promise<void> {
  const gone: string[] = []
  for await (const { path } of store.list(asideFolder)) if (asideInstant(path) < instantFloor) gone.push(path)
  signal.throwIfAborted()
  if (gone.length > 0) await store.delete(gone)
}

async function trim(
  { store, signal }: ServiceContext,
  layout: TimelineLayout,
  instants: readonly InstantTime[],
): Promise<void> {
  const { pending, completed } = await instantPaths(store, layout, new Set(instants))
  if (pending.length > 0) await store.delete(pending)
  for (const path of completed) {
    signal.throwIfAborted()
    await store.delete([path])
  }
}

/** The files of these instants, in the order of the instants. */
async function instantPaths(
  store: ObjectStore,
  layout: TimelineLayout,
  instants: ReadonlySet<InstantTime>,
): Promise<{ pending: string[]; completed: string[] }> {
  const folder = `${timelineFolder(layout)}/`
  const pending: string[] = []
  const completed: string[] = []
  for await (const { path } of store.list(folder, `${folder}/`)) {
    const name = path.slice(folder.length)
    if (name > ':') break
    const file = parseInstantFileName(name)
    if (file === null || !instants.has(file.instant)) continue
    if (file.state === 'completed') completed.push(path)
    else pending.push(path)
  }
  return { pending, completed }
}
