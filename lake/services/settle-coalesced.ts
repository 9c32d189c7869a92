// The second half of a merge of logs, an hour after the first: the commits of a day are made to name the merged logs in
// place of the others, these go, and the commits that have no file left leave the timeline. It may end at any request:
// the records stay until all is done, and whoever comes next does it over.
//
// First of all each commit that got a merged log says for which others it stands. From then on a reader can find the
// changes of those others with it, whether they are gone or not.
import { putCoalescedUntil, withCoalesced } from '#lake/reader/coalesced-days.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import { decodeCommitMetadata, encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { CommitAction } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import type { CoalescedRecord } from './coalesced-record.ts'
import type { ServiceContext } from './compact.ts'

const parallelWrites = 16

/**
 * @param records path -> record, due ones
 * @param instants all of the timeline, completed
 * @returns how many logs were removed
 */
export async function settleCoalesced(
  records: ReadonlyMap<string, CoalescedRecord>,
  instants: readonly TimelineInstant[],
  { store, signal }: ServiceContext,
): Promise<number> {
  if (records.size === 0) return 0
  const files = await listDataFiles(store)
  const present = new Set(files.map(({ path }) => path))
  const known = new Map(instants.map(at => [at.instant, at]))
  // The commit is gone when the retention passed over it meanwhile, and cleaning removes the rest. The merged log is gone
  // when it was merged into a later one, and its record came late.
  const standing = [...records.values()].filter(
    ({ instant, stat }) => known.has(instant) && present.has(stat.path),
  )
  const gone = new Set(standing.flatMap(({ merged }) => merged.map(({ path }) => path)))
  const carriers = Map.groupBy(standing, ({ instant }) => instant)
  const touched = new Set(standing.flatMap(({ merged }) => merged.map(({ instant }) => instant)))
  const emptied = emptiedOf(touched, { carriers, instants, files, gone })

  const rewrite = async (instant: InstantTime): Promise<void> => {
    signal.throwIfAborted()
    await rewriteCommit(store, known.get(instant)!, commit =>
      (carriers.get(instant) ?? []).reduce(
        (told, record) => standingFor(told, record, gone),
        without(commit, gone),
      ),
    )
  }
  await inParallel([...carriers.keys()], rewrite)
  const others = [...touched].filter(at => !carriers.has(at) && !emptied.has(at) && known.has(at))
  await inParallel(
    others.filter(at => at !== instants[0]?.instant),
    rewrite,
  )

  signal.throwIfAborted()
  const removed = [...gone].filter(path => present.has(path))
  if (removed.length > 0) await store.delete(removed)
  if (emptied.size > 0) {
    await putCoalescedUntil(store, latest([...carriers.keys()].map(at => known.get(at)!.completionTime!)))
    await store.delete([...emptied].map(at => known.get(at)!.path))
  }
  await store.delete([...records.keys()])
  return removed.length
}

interface Settling {
  carriers: ReadonlyMap<InstantTime, unknown>
  instants: readonly TimelineInstant[]
  files: readonly DataFile[]
  /** Paths of logs that go. */
  gone: ReadonlySet<string>
}

/**
 * The commits that have no file left. The first of the timeline stays: what is older than the first passes for
 * committed, so where the timeline begins is for cleaning to say.
 */
function emptiedOf(
  touched: ReadonlySet<InstantTime>,
  { carriers, instants, files, gone }: Settling,
): ReadonlySet<InstantTime> {
  const left = new Set(files.flatMap(({ path, instant }) => (gone.has(path) ? [] : [instant])))
  return new Set(
    instants
      .slice(1)
      .map(({ instant }) => instant)
      .filter(instant => touched.has(instant) && !carriers.has(instant) && !left.has(instant)),
  )
}

async function rewriteCommit(
  store: ObjectStore,
  { path, action }: TimelineInstant,
  change: (commit: CommitMetadata) => CommitMetadata,
): Promise<void> {
  const bytes = await store.get(path)
  // Trimmed meanwhile.
  if (bytes === null) return
  const commit = change(decodeCommitMetadata(bytes, { table: store.url, path }))
  await store.put(path, encodeCommitMetadata(commit, action as CommitAction, 2))
}

function without(commit: CommitMetadata, gone: ReadonlySet<string>): CommitMetadata {
  const { partitionToWriteStats } = commit
  const left = Object.entries(partitionToWriteStats).map(([partition, stats]): [string, WriteStat[]] => [
    partition,
    stats.filter(({ path }) => !gone.has(path)),
  ])
  return { ...commit, partitionToWriteStats: Object.fromEntries(left) }
}

/** The commit with the merged log, unless that is merged into another one of these. */
function standingFor(
  commit: CommitMetadata,
  { stat, since }: CoalescedRecord,
  gone: ReadonlySet<string>,
): CommitMetadata {
  const { partitionPath, fileId, path } = stat
  const marked = withCoalesced(commit, { group: fileGroupKey(partitionPath, fileId), since })
  if (gone.has(path)) return marked
  const others = (commit.partitionToWriteStats[partitionPath] ?? []).filter(other => other.path !== path)
  const partitionToWriteStats = { ...commit.partitionToWriteStats, [partitionPath]: [...others, stat] }
  return { ...marked, partitionToWriteStats }
}

function latest(times: readonly InstantTime[]): InstantTime {
  return times.reduce((a, b) => (a > b ? a : b))
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += parallelWrites)
    await Promise.all(items.slice(at, at + parallelWrites).map(act))
}
