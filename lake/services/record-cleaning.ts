// Puts on the timeline what was cleaned, as Hudi's engines do. Without it Spark reads a state whose files are gone as
// if they had never been; with it Spark refuses. Its own cleaner and archiver go by it, too.
//
// The completed file goes first, once the files are gone: a pending one would be taken up by Spark's cleaner, and one
// that a dead process left would stay. A cleaner that died before the other two files were there is found by the next.
import type { ServiceContext } from './compact.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import {
  decodeCleanMetadata,
  encodeCleanMetadata,
  encodeDoneCleanerPlan,
} from '#lake/timeline/clean-metadata.ts'
import { timelineFolder } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant, instantAfter, laterInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'

export interface CleaningRecord {
  files: readonly DataFile[]
  /** As it was when the files were chosen. */
  timeline: readonly TimelineInstant[]
  /** The states at and after this time are whole. */
  horizon: InstantTime
  startedAtMs: number
}

/** More names are not worth their bytes. */
const namesMax = 10_000
const writingActions = new Set(['commit', 'deltacommit', 'replacecommit'])

export async function recordCleaning(
  { store, journal, clock }: ServiceContext,
  { files, timeline, horizon, startedAtMs }: CleaningRecord,
): Promise<void> {
  const commits = timeline.filter(({ state, action }) => state === 'completed' && writingActions.has(action))
  const earliest = commits.findLast(({ instant }) => instant <= horizon) ?? null
  const filesByPartition: Record<string, string[]> = {}
  for (const { partitionPath, name } of files.slice(0, namesMax))
    (filesByPartition[partitionPath] ??= []).push(name)
  const instant = await journal.nextInstant()
  const { lastCompletionTime, lastInstant } = journal.state
  const known = laterInstant(laterInstant(lastCompletionTime, lastInstant), instant)
  const body = encodeCleanMetadata({
    earliestCommitToRetain: earliest?.instant ?? '',
    lastCompletedCommitTimestamp: commits.at(-1)?.instant ?? '',
    startCleanTime: formatInstant(startedAtMs),
    timeTakenInMillis: Math.max(0, clock.nowMs() - startedAtMs),
    totalFilesDeleted: files.length,
    filesByPartition,
  })
  const path = `${timelineFolder(2)}/${instant}_${instantAfter(known, clock.nowMs())}.clean`
  await store.putIfAbsent(path, body)
  await putRequested(store, instant, earliest)
}

/** Writes what a cleaner that died left out. */
export async function completeRecord(
  store: ObjectStore,
  timeline: readonly TimelineInstant[],
): Promise<void> {
  const newest = timeline.findLast(({ state, action }) => state === 'completed' && action === 'clean')
  if (newest === undefined || (await store.getRange(requestedPath(newest.instant), 0, 1)) !== null) return
  const bytes = await store.get(newest.path)
  // An engine that died may leave an empty one.
  if (bytes === null || bytes.length === 0) return
  const { earliestCommitToRetain } = decodeCleanMetadata(bytes, newest.path)
  const commit = timeline.find(({ instant }) => instant === earliestCommitToRetain)
  const action = commit?.action ?? 'commit'
  const earliest = earliestCommitToRetain === '' ? null : { instant: earliestCommitToRetain, action }
  await putRequested(store, newest.instant, earliest)
}

async function putRequested(
  store: ObjectStore,
  instant: InstantTime,
  earliest: { instant: InstantTime; action: string } | null,
): Promise<void> {
  await store.putIfAbsent(`${timelineFolder(2)}/${instant}.clean.inflight`, new Uint8Array(0))
  await store.putIfAbsent(requestedPath(instant), encodeDoneCleanerPlan(earliest))
}

function requestedPath(instant: InstantTime): string {
  return `${timelineFolder(2)}/${instant}.clean.requested`
}
