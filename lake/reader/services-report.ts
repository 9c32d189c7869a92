// When a table was last compacted, clustered and cleaned, what is left of its history, and what may hold its services
// up: for people who wonder why a table is large or slow.
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { historySpan } from '#lake/timeline/history-format.ts'
import { loadHistory } from '#lake/timeline/history.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { FileSlice } from './file-slice.ts'
import type { TableConfig } from './table-config.ts'

export interface ServicesReport {
  /** The newest of its kind on the timeline; null: there is none, or it has left the timeline. */
  compaction: InstantTime | null
  clustering: InstantTime | null
  cleaning: InstantTime | null
  /** Log files of the file group that has most. */
  logFilesMax: number
  /** The oldest instant that is not complete: cleaning leaves what it may need, and the timeline ends there. */
  oldestPending: { instant: InstantTime; action: string } | null
  /** Instants on the timeline. */
  instants: number
  /** What left the timeline; null when nothing did, or in table version 6. */
  history: { files: number; bytes: number; first: InstantTime; last: InstantTime } | null
}

/** @throws DataError LAKE_FILE_CORRUPT */
export async function reportServices(
  store: ObjectStore,
  { layout, mergeOnRead }: TableConfig,
  slices: readonly FileSlice[],
): Promise<ServicesReport> {
  const timeline = await loadTimeline(store, layout)
  const newest = (action: string): InstantTime | null =>
    timeline.findLast(at => at.state === 'completed' && at.action === action)?.instant ?? null
  const pending = timeline.find(({ state }) => state !== 'completed')
  return {
    // Of a merge-on-read table no other action is a `commit`.
    compaction: mergeOnRead ? newest('commit') : null,
    clustering: await newestClustering(store, timeline),
    cleaning: newest('clean'),
    logFilesMax: slices.reduce((most, { logs }) => Math.max(most, logs.length), 0),
    oldestPending: pending ? { instant: pending.instant, action: pending.action } : null,
    instants: timeline.length,
    history: layout === 1 ? null : await reportHistory(store),
  }
}

/** Overwriting is a replace commit as well. */
async function newestClustering(
  store: ObjectStore,
  timeline: readonly TimelineInstant[],
): Promise<InstantTime | null> {
  for (const { instant, action, state, path } of timeline.toReversed()) {
    if (state !== 'completed' || action !== 'replacecommit') continue
    const bytes = await store.get(path)
    if (bytes === null || bytes.length === 0) continue
    if (decodeCommitMetadata(bytes, { table: store.url, path }).operationType === 'CLUSTER') return instant
  }
  return null
}

async function reportHistory(store: ObjectStore): Promise<ServicesReport['history']> {
  const { files } = await loadHistory(store)
  const spans = files.flatMap(({ name }) => historySpan(name) ?? [])
  if (spans.length === 0) return null
  return {
    files: files.length,
    bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    first: spans.map(({ first }) => first).reduce((a, b) => (a < b ? a : b)),
    last: spans.map(({ last }) => last).reduce((a, b) => (a > b ? a : b)),
  }
}
