// Keeps the older past of a table by days (plan-coalescing.ts says which logs go together). A merge only ever adds a log
// whose rows others hold as well, under an instant that is committed: readers may see both at once and get the same
// rows. The files it stands for go an hour later, when no query can still want them, and then their instants.
//
// Where other engines write as well, what is written or removed here is so under the table's lock, when nothing of theirs
// is under way: they plan under it what to compact and clean, and take instants off the timeline.
//
// Rows of a merged log carry its own instant as commit time, so that an incremental query over the days that are left
// finds the changes of each.
import { avroSchemaOf } from '#lake/avro/schema.ts'
import { coalescedRuns, putCoalescedUntil } from '#lake/reader/coalesced-days.ts'
import { putRecord, readRecords } from '#lake/reader/coalesced-record.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { LogStep } from '#lake/reader/log-reader.ts'
import { readLogs } from '#lake/reader/log-reader.ts'
import { alwaysDeletes } from '#lake/reader/merge.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { timelineView } from '#lake/reader/timeline-view.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { withMetaColumns } from '#lake/table/meta-columns.ts'
import { checksumWriteToken, dataFilePath, fileGroupKey, logFileName } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { columnsAt } from './columns-at.ts'
import type { ServiceContext } from './compact.ts'
import { mergedLog } from './merged-log.ts'
import { Pace } from './pace.ts'
import type { LogRun } from './plan-coalescing.ts'
import { runsToCoalesce, startOfDay } from './plan-coalescing.ts'
import { isInUse, savedUntil, settleCoalesced } from './settle-coalesced.ts'

export interface CoalescingPolicy {
  /** Days that ended longer ago than this are kept as a whole, younger ones commit by commit. */
  ageMsMin: number
  /** How long the logs a merged one stands for are kept for queries under way. */
  queryMsMax: number
  /** Bytes of logs that are merged at once, and so held in memory. */
  bytesMax: number
}

export interface Coalesced {
  /** Log files made. */
  files: number
  /** Log files removed that earlier rounds had merged. */
  removed: number
}

/** Of tables of layout 2: log files of layout 1 name their slice, not their commit. */
export async function coalesceLogs(context: ServiceContext, policy: CoalescingPolicy): Promise<Coalesced> {
  const { store, journal, clock, signal } = context
  if (journal.layout === 1) return { files: 0, removed: 0 }
  const instants = await loadTimeline(store, journal.layout)
  if (isInUse(instants)) return { files: 0, removed: 0 }
  const { instantFloor } = await journal.refresh()
  const records = await readRecords(store)
  const due = new Map(
    [...records].filter(
      ([, { instant, merged, madeAtMs }]) =>
        clock.nowMs() - madeAtMs > policy.queryMsMax &&
        [instant, ...merged.map(at => at.instant)].every(at => at < instantFloor),
    ),
  )
  signal.throwIfAborted()
  const removed = await settleCoalesced(due, context)
  const first = instants[0]?.instant ?? null
  const timeline = timelineView({ layout: 2, instants, first, replaced: new Set() })
  const files = await listDataFiles(store)
  const present = new Set(files.map(({ path }) => path))
  // Whoever was to make the others died.
  const made = [...records].filter(([path, { stat }]) => !due.has(path) || present.has(stat.path))
  const runs = runsToCoalesce({
    files,
    timeline,
    before: formatInstant(clock.nowMs() - policy.ageMsMin),
    after: savedUntil(instants),
    done: new Set(made.flatMap(([, { stat, merged }]) => [stat.path, ...merged.map(at => at.path)])),
    bytesMax: policy.bytesMax,
  })
  return { files: await coalesceAll(runs, { timeline, files }, context), removed }
}

/** Returns how many logs were made. */
async function coalesceAll(runs: readonly LogRun[], table: Table, context: ServiceContext): Promise<number> {
  let made = 0
  for (const run of runs) if (await coalesce(run, table, context)) made++
  return made
}

interface Table {
  timeline: TimelineView
  files: readonly DataFile[]
}

/** Returns whether a log was made: not of logs that hold deletes without a sequence, as Spark writes them. */
async function coalesce(run: LogRun, { timeline, files }: Table, context: ServiceContext): Promise<boolean> {
  const { store, definition, clock, signal, beat, urgent } = context
  const { instant, partitionPath } = run
  const commit = await readCommit(
    store,
    timeline.completed.find(at => at.instant === instant)!,
  )
  const schema = commit && columnsAt(commit)
  const told = commit && statOf(commit, run)
  if (!schema || !told) return false
  const columns = withMetaColumns(schema.columns)
  const pace = new Pace(clock, signal, beat, urgent)
  const names = columns.map(({ name }) => name)
  const query = { store, timeline, names, only: null, pause: () => pace.pause() }
  const steps = await readLogs(run.logs, query)
  if (steps.some(isUnordered)) return false
  const avroSchema = avroSchemaOf(definition.name, schema, { metaFields: true })
  const { orderingField } = definition
  const bytes = mergedLog(steps, { instant, partitionPath, columns, avroSchema, orderingField })
  const { fileName, version } = fileOf(run, files, checksumWriteToken(bytes, clock))
  const path = dataFilePath(partitionPath, fileName)
  const rows = steps.reduce((sum, step) => sum + (step.kind === 'rows' ? step.rows.rows : 0), 0)
  const stat: WriteStat = {
    ...told,
    path,
    logFiles: [fileName],
    logVersion: version,
    fileSizeInBytes: bytes.length,
    totalWriteBytes: bytes.length,
    numWrites: rows,
  }
  signal.throwIfAborted()
  const merged = run.logs.map(log => ({ path: log.path, instant: log.instant }))
  const since = await sinceOf(run, timeline, store)
  return context.journal.underLock(async lock => {
    if (lock !== null && !(await isAsFound(run, store))) return false
    lock?.assertHeld()
    // Before the log: a compaction takes in what it finds.
    await putCoalescedUntil(store, timeline.completionTime(instant)!)
    await putRecord(store, { instant, stat, merged, since, madeAtMs: clock.nowMs() })
    lock?.assertHeld()
    await store.put(path, bytes)
    return true
  })
}

/**
 * Whether other engines left the logs alone, and are about to: a merged log that is put where they cleaned, or into a plan
 * of what to clean, would outlive its commit, and bring back rows that were deleted since.
 */
async function isAsFound({ logs, partitionPath, fileId }: LogRun, store: ObjectStore): Promise<boolean> {
  const instants = await loadTimeline(store, 2)
  const known = new Set(instants.map(({ instant }) => instant))
  const saved = savedUntil(instants)
  if (isInUse(instants) || logs.some(({ instant }) => !known.has(instant) || instant <= saved)) return false
  const present = new Set<string>()
  for await (const { path } of store.list(dataFilePath(partitionPath, `.${fileId}_`))) present.add(path)
  return logs.every(({ path }) => present.has(path))
}

async function readCommit(store: ObjectStore, { path }: TimelineInstant): Promise<CommitMetadata | null> {
  const bytes = await store.get(path)
  return bytes && decodeCommitMetadata(bytes)
}

function isUnordered(step: LogStep): boolean {
  return step.kind === 'delete' && step.orderings.includes(alwaysDeletes)
}

/** When the first commit completed whose rows these logs hold: some may be merged ones themselves. */
async function sinceOf(
  { logs, partitionPath, fileId }: LogRun,
  { completed }: TimelineView,
  store: ObjectStore,
): Promise<InstantTime> {
  const group = fileGroupKey(partitionPath, fileId)
  let since: InstantTime = '~'
  for (const { instant, version, path } of logs) {
    const at = completed.find(commit => commit.instant === instant)!
    let first: InstantTime = at.completionTime!
    // A merged log comes after its commit's own.
    const commit = version > 1 ? await readCommit(store, at) : null
    if (commit !== null) {
      const isNamed = commit.partitionToWriteStats[partitionPath]?.some(stat => stat.path === path)
      const run = coalescedRuns(commit, first).find(known => known.group === group)
      // Of a merged one that was never recorded only the day is known.
      first = isNamed === true ? (run?.since ?? first) : startOfDay(first)
    }
    if (first < since) since = first
  }
  return since
}

/** What the commit says of its log in the group: the last of the run may be a merged one that nobody told it of. */
function statOf({ partitionToWriteStats }: CommitMetadata, run: LogRun): WriteStat | undefined {
  const stats = partitionToWriteStats[run.partitionPath] ?? []
  return stats.find(({ fileId, logFiles }) => fileId === run.fileId && logFiles !== undefined)
}

/** The merged log comes after all others of its instant. */
function fileOf(
  run: LogRun,
  files: readonly DataFile[],
  writeToken: string,
): { fileName: string; version: number } {
  const { fileId, instant, partitionPath } = run
  const versions = files.flatMap(file =>
    file.kind === 'log' &&
    file.fileId === fileId &&
    file.instant === instant &&
    file.partitionPath === partitionPath
      ? [file.version]
      : [],
  )
  const version = Math.max(...versions) + 1
  return { fileName: logFileName({ fileId, instant, version, writeToken }), version }
}
