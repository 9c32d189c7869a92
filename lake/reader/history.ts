// What happened to a table, from its timeline and, where the table is ours, its journal: which rows and files each
// commit wrote, who it was and how far the splits of the source moved with it.
import type { PositionMove } from '#catalog/position.ts'
import { readEntry } from '#lake/journal/read-entry.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import { decodeCleanMetadata } from '#lake/timeline/clean-metadata.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { historyFolder } from '#lake/timeline/history-format.ts'
import type { InstantState } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { readArchived } from './archived-timeline.ts'
import { readTableConfig } from './table-config.ts'
import { writingActions } from './timeline-view.ts'

export interface HistoryEntry {
  instant: InstantTime
  action: string
  state: InstantState
  /** Whether it left the active timeline and is known from the history alone. */
  archived: boolean
  completionTime: InstantTime | null
  /** Upper-case name as writers give it (`UPSERT`, `COMPACT` …); null while pending and of actions that write no rows. */
  operation: string | null
  /** As the writer counted them: it need not know whether a row of a log file is new. Null where operation is. */
  rows: { inserted: number; updated: number; deleted: number; written: number } | null
  files: number
  bytes: number
  /** Of a cleaning; null of all else. */
  filesRemoved: number | null
  /** Null when another tool wrote it, or the journal was trimmed since. */
  writer: string | null
  /** Splits that moved since the commit before. Null when another tool wrote it. */
  moves: readonly PositionMove[] | null
}

interface ReadInstant {
  at: Omit<TimelineInstant, 'path'>
  archived: boolean
  metadata: CommitMetadata | null
  filesRemoved: number | null
}

const parallelReads = 16

/**
 * The newest instants, by completion; what is under way comes first.
 * @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED; DataError LAKE_FILE_CORRUPT
 */
export async function readHistory(store: ObjectStore, limit: number): Promise<HistoryEntry[]> {
  const { layout } = await readTableConfig(store)
  // One more than asked for: the one before the last tells how far the last moved.
  const wanted = (await loadTimeline(store, layout)).toSorted(newestFirst).slice(0, limit + 1)
  const active = await inParallel(wanted, at => readInstant(store, at))
  const missing = layout === 1 ? 0 : limit + 1 - active.length
  const archived = missing > 0 ? await archivedInstants(store, missing) : []
  const known = new Set(active.map(({ at }) => at.instant))
  // What is about to leave the timeline is in both.
  const instants = [...active, ...archived.filter(({ at }) => !known.has(at.instant))]
  return inParallel(instants.slice(0, limit), (instant, index) =>
    historyEntry(store, instant, instants.slice(index + 1)),
  )
}

type Timed = Pick<TimelineInstant, 'instant' | 'completionTime'>

function newestFirst(a: Timed, b: Timed): number {
  const timeA = a.completionTime ?? `~${a.instant}`
  const timeB = b.completionTime ?? `~${b.instant}`
  return timeA < timeB ? 1 : -1
}

async function inParallel<T, R>(
  items: readonly T[],
  read: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += parallelReads) {
    const some = items.slice(from, from + parallelReads)
    results.push(...(await Promise.all(some.map((item, index) => read(item, from + index)))))
  }
  return results
}

async function readInstant(store: ObjectStore, at: TimelineInstant): Promise<ReadInstant> {
  const { state, action, path } = at
  const tells = state === 'completed' && (writingActions.has(action) || action === 'clean')
  const bytes = tells ? await store.get(path) : null
  return { at, archived: false, ...bodyOf(action, bytes, { table: store.url, path }) }
}

/** What the bytes of a completed instant say. Engines that died may have left none. */
function bodyOf(
  action: string,
  bytes: Uint8Array | null,
  context: { table: string; path: string },
): Pick<ReadInstant, 'metadata' | 'filesRemoved'> {
  if (bytes === null || bytes.length === 0) return { metadata: null, filesRemoved: null }
  if (writingActions.has(action))
    return { metadata: decodeCommitMetadata(bytes, context), filesRemoved: null }
  if (action !== 'clean') return { metadata: null, filesRemoved: null }
  return { metadata: null, filesRemoved: decodeCleanMetadata(bytes, context.path).totalFilesDeleted }
}

async function archivedInstants(store: ObjectStore, count: number): Promise<ReadInstant[]> {
  const archived = await readArchived(store, count)
  return archived
    .map(({ instant, action, completionTime, metadata }) => ({
      at: { instant, action, completionTime, state: 'completed' as const },
      archived: true,
      ...bodyOf(action, metadata, { table: store.url, path: historyFolder }),
    }))
    .toSorted((a, b) => newestFirst(a.at, b.at))
}

async function historyEntry(
  store: ObjectStore,
  { at, archived, metadata, filesRemoved }: ReadInstant,
  older: readonly ReadInstant[],
): Promise<HistoryEntry> {
  const { instant, action, state, completionTime } = at
  const stats = Object.values(metadata?.partitionToWriteStats ?? {}).flat()
  const sum = (count: (stat: WriteStat) => number | undefined): number =>
    stats.reduce((total, stat) => total + (count(stat) ?? 0), 0)
  const seq = metadata?.extraMetadata['sluice.seq']
  return {
    instant,
    action,
    state,
    archived,
    completionTime,
    operation: metadata?.operationType ?? null,
    rows: metadata && {
      inserted: sum(stat => stat.numInserts),
      updated: sum(stat => stat.numUpdateWrites),
      deleted: sum(stat => stat.numDeletes),
      written: sum(stat => stat.numWrites),
    },
    files: stats.length,
    bytes: sum(stat => stat.fileSizeInBytes),
    filesRemoved,
    writer: seq === undefined ? null : ((await readEntry(store, Number(seq)))?.writer ?? null),
    moves: movesOf(metadata, older),
  }
}

function movesOf(metadata: CommitMetadata | null, older: readonly ReadInstant[]): PositionMove[] | null {
  const after = positionsOf(metadata)
  if (after === null) return null
  const before = older.map(each => positionsOf(each.metadata)).find(positions => positions !== null) ?? {}
  return Object.keys({ ...before, ...after })
    .map(split => ({ split, from: before[split] ?? null, to: after[split] ?? null }))
    .filter(({ from, to }) => from !== to)
}

function positionsOf(metadata: CommitMetadata | null): Record<string, string> | null {
  const text = metadata?.extraMetadata['sluice.positions']
  return text === undefined ? null : (JSON.parse(text) as Record<string, string>)
}
