// The second half of a merge of logs, an hour after the first: the commits of a day are made to name the merged logs in
// place of the others, these go, and the commits that have no file left leave the timeline. It may end at any request:
// the records stay until all is done, and whoever comes next does it over.
//
// First of all each commit that got a merged log names it, and says for which others it stands. From then on a reader can
// find the changes of those others with it, whether they are gone or not. Only when all of these do, names are removed: a
// commit that got a merged log may have others that are in the merged logs of other commits.
import { withCoalesced } from '#lake/reader/coalesced-days.ts'
import type { CoalescedRecord } from '#lake/reader/coalesced-record.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import { decodeCommitMetadata, encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { CommitAction } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { ServiceContext } from './compact.ts'
import { startOfDay } from './plan-coalescing.ts'

const parallelWrites = 16

/** Whether there is something pending, which may count on any file. */
export function isInUse(instants: readonly TimelineInstant[]): boolean {
  return instants.some(({ state }) => state !== 'completed')
}

/** The newest savepoint. */
export function savedUntil(instants: readonly TimelineInstant[]): InstantTime {
  return instants.findLast(({ action }) => action === 'savepoint')?.instant ?? ''
}

/**
 * A day at a time, since commits may wait meanwhile.
 * @param records path -> record, due ones
 * @returns how many logs were removed
 */
export async function settleCoalesced(
  records: ReadonlyMap<string, CoalescedRecord>,
  context: ServiceContext,
): Promise<number> {
  const { store, journal, signal } = context
  let removed = 0
  for (const day of Map.groupBy(records, ([, { instant }]) => startOfDay(instant)).values())
    removed += await journal.underLock(async lock => {
      // As it is now that nobody else may change it.
      const instants = await loadTimeline(store, 2)
      const saved = savedUntil(instants)
      const settled = day.filter(([, { merged }]) => merged.every(({ instant }) => instant > saved))
      const check = (): void => {
        signal.throwIfAborted()
        lock?.assertHeld()
      }
      return isInUse(instants) ? 0 : settleDay(new Map(settled), { instants, store, check })
    })
  return removed
}

interface Settling {
  /** All of the timeline, completed. */
  instants: readonly TimelineInstant[]
  store: ObjectStore
  /** To be called before anything is written or removed. */
  check: () => void
}

async function settleDay(
  records: ReadonlyMap<string, CoalescedRecord>,
  { instants, store, check }: Settling,
): Promise<number> {
  if (records.size === 0) return 0
  const files = await listDataFiles(store)
  const present = new Set(files.map(({ path }) => path))
  const commits = instants.filter(({ action }) => action !== 'savepoint')
  const known = new Map(commits.map(at => [at.instant, at]))
  // Of a commit that is gone, since the retention passed over it meanwhile, cleaning removes the rest. A log that is not
  // there may still come, from whoever was slow: until its commit is gone, the record says what it would hold.
  const standing = [...records.values()].filter(
    ({ instant, stat }) => known.has(instant) && present.has(stat.path),
  )
  const gone = new Set(standing.flatMap(({ merged }) => merged.map(({ path }) => path)))
  const carriers = Map.groupBy(standing, ({ instant }) => instant)
  await inParallel([...carriers], async ([instant, made]) => {
    check()
    const own = new Set(made.flatMap(({ merged }) => merged.map(({ path }) => path)))
    const stands = (commit: CommitMetadata): CommitMetadata =>
      made.reduce((told, record) => standingFor(told, record, gone), without(commit, own))
    await rewriteCommit(store, known.get(instant)!, stands)
  })
  const merged = new Set(standing.flatMap(instantsElsewhere))
  // The first of the timeline stays as it is: what is older than the first passes for committed, so where the timeline
  // begins is for cleaning to say.
  const others = commits.slice(1).filter(({ instant }) => merged.has(instant))
  const left = new Set(files.flatMap(({ path, instant }) => (gone.has(path) ? [] : [instant])))
  const emptied: TimelineInstant[] = []
  await inParallel(others, async at => {
    check()
    const stays = (commit: CommitMetadata): CommitMetadata | null => {
      const rest = without(commit, gone)
      return left.has(at.instant) || !isWithoutFiles(rest) ? rest : null
    }
    if ((await rewriteCommit(store, at, stays)) === null) emptied.push(at)
  })

  check()
  const removed = [...gone].filter(path => present.has(path))
  if (removed.length > 0) await store.delete(removed)
  check()
  if (emptied.length > 0) await store.delete(emptied.map(({ path }) => path))
  const isOver = ({ instant, stat }: CoalescedRecord): boolean =>
    present.has(stat.path) || !known.has(instant)
  await store.delete([...records].flatMap(([path, record]) => (isOver(record) ? [path] : [])))
  return removed.length
}

/** Of the merged logs the instants that got none of their own here. */
function instantsElsewhere({ instant: carrier, merged }: CoalescedRecord): InstantTime[] {
  return merged.flatMap(({ instant }) => (instant === carrier ? [] : [instant]))
}

/**
 * Of a file that was cleaned the name is left, and with it the commit: a base file may hold its rows, which only merged
 * logs tell without it.
 */
function isWithoutFiles({ partitionToWriteStats, partitionToReplaceFileIds = {} }: CommitMetadata): boolean {
  return [partitionToWriteStats, partitionToReplaceFileIds].every(named =>
    Object.values(named).every(({ length }) => length === 0),
  )
}

/** @param change null: the commit is left as it is. Returns what it returned, null also when there is no commit. */
async function rewriteCommit(
  store: ObjectStore,
  { path, action }: TimelineInstant,
  change: (commit: CommitMetadata) => CommitMetadata | null,
): Promise<CommitMetadata | null> {
  const bytes = await store.get(path)
  // Trimmed meanwhile.
  const commit = bytes && change(decodeCommitMetadata(bytes, { table: store.url, path }))
  if (commit) await store.put(path, encodeCommitMetadata(commit, action as CommitAction, 2))
  return commit
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

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += parallelWrites)
    await Promise.all(items.slice(at, at + parallelWrites).map(act))
}
