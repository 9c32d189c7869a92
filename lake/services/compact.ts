// Compaction: merges the logs of some file groups into new base files while writers go on. It takes two steps of the
// journal. The first fixes the instant: whatever completes later is later than it, and so belongs to the slices the
// compaction begins. It also names the file groups, so that of two compactions of a group the later one to begin
// fences the other. Between the two nobody sees anything, and a compaction that dies there is simply begun anew,
// under another instant; no second base file of one instant can ever come about.
//
// The plan is put on the timeline only for an engine that is to run it: Spark runs every plan it finds there.
import type { Clock } from '#common/clock.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import type { Journal } from '#lake/journal/journal.ts'
import { asidePath } from '#lake/journal/placement.ts'
import type { Step } from '#lake/journal/step.ts'
import { isDamage } from '#lake/reader/damage.ts'
import { latestSlices } from '#lake/reader/file-slice.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { readTimeline } from '#lake/reader/timeline-view.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TableDefinition } from '#lake/table/definition.ts'
import { writtenConfig } from '#lake/table/lookup.ts'
import { baseFileName, dataFilePath, fileGroupKey, newWriteToken } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { CompactionOperation } from '#lake/timeline/compaction-plan.ts'
import { encodeCompactionPlan, requestedCompactionPath } from '#lake/timeline/compaction-plan.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { DamagedGroups } from './damaged-groups.ts'
import { mergedFile, StreamedBaseFile } from './merged-file.ts'
import { Pace } from './pace.ts'
import { pendingCompactions } from './pending-compactions.ts'
import type { CompactionPolicy } from './plan-compaction.ts'
import { logBytes, sliceBytes, slicesToCompact } from './plan-compaction.ts'
import type { UrgentWork } from './urgent-work.ts'
import { slicesBeforeWidening } from './widened-logs.ts'

export interface ServiceContext {
  store: ObjectStore
  definition: TableDefinition
  /** Opened for the services alone: a writer's has steps of its own under way. */
  journal: Journal
  clock: Clock
  signal: AbortSignal
  /** File groups found damaged: not compacted. Undefined: damage ends the compaction. */
  damaged?: DamagedGroups
  /** Called often: says that the services are still at it. */
  beat?: () => void
  /** What services of the same thread give way to. */
  urgent?: UrgentWork
}

export interface Compacted {
  instant: InstantTime
  fileGroups: number
  rows: number
  /** Of the base and log files that were merged. */
  bytesBefore: number
  /** Of the new base files. */
  bytes: number
}

/** A compaction that has its instant. */
interface ScheduledCompaction {
  instant: InstantTime
  /** Number of the journal entry that fixed it. */
  seq: number
  /** When, on the monotonic clock. */
  atMs: number
  /** What it merges: all that completed before. */
  slices: readonly FileSlice[]
  timeline: TimelineView
  /** CompactionPolicy.memoryBytes */
  memoryBytes: number
}

/** A plan that waited longer than this before it was written may be of files that are gone. */
const planAgeMsMax = 60_000

/**
 * Compacts the file groups that need it most; null when none does. Groups that were compacted after `since` are left
 * for another time.
 * @throws ConflictError COMMIT_CONFLICT when another compaction, or a change of the columns, came first
 */
export async function compactSome(
  context: ServiceContext,
  policy: CompactionPolicy,
  since: InstantTime | null = null,
): Promise<Compacted | null> {
  const scheduled = await schedule(context, policy, since)
  return scheduled && (await run(scheduled, context))
}

/**
 * Plans a compaction for another engine to run. Returns its instant, or null when there is nothing to compact. Until the
 * plan has been run its file groups are in no other one, and cleaning leaves what it needs.
 */
export async function requestCompaction(
  context: ServiceContext,
  policy: CompactionPolicy,
): Promise<InstantTime | null> {
  const { store, journal, clock } = context
  // Logs written while it is pending would name its instant, and hudi-rs does not see those.
  if (journal.layout === 1) return null
  const scheduled = await schedule(context, policy, null)
  if (scheduled === null || clock.monotonicMs() - scheduled.atMs > planAgeMsMax) return null
  const plan = { operations: scheduled.slices.map(operationOf), extraMetadata: {} }
  await store.putIfAbsent(requestedCompactionPath(scheduled.instant), encodeCompactionPlan(plan))
  return scheduled.instant
}

async function schedule(
  context: ServiceContext,
  policy: CompactionPolicy,
  since: InstantTime | null,
): Promise<ScheduledCompaction | null> {
  const { store, journal, clock } = context
  // Before the files are listed, so that a compaction made since clashes.
  const { seq: stagedAt, schemaVersion } = journal.state
  const pending = await pendingCompactions(store, journal.layout)
  const seen = await readTimeline(store, journal.layout)
  const slicesSeen = latestSlices(await listDataFiles(store), seen).filter(
    slice =>
      (since === null || slice.base === null || slice.base.instant <= since) &&
      context.damaged?.has(slice) !== true &&
      !pending.groups.has(groupOf(slice)),
  )
  const due = await dueSlices(slicesSeen, { context, policy, timeline: seen })
  if (due.length === 0) return null
  const groups = new Set(due.map(groupOf))
  const atMs = clock.monotonicMs()
  const instant = await journal.nextInstant()
  const { seq } = await journal.commit({
    kind: 'schedule',
    instant,
    action: null,
    metadata: null,
    moves: [],
    fileGroups: { compacted: [...groups] },
    stagedAt,
    schemaVersion,
  })
  const timeline = completedBefore(await readTimeline(store, journal.layout), instant)
  const slices = latestSlices(await listDataFiles(store), timeline).filter(
    slice => groups.has(groupOf(slice)) && slice.logs.length > 0,
  )
  return slices.length === 0
    ? null
    : { instant, seq, atMs, slices, timeline, memoryBytes: policy.memoryBytes }
}

/** By the policy; when nothing is due, what was logged before a column was widened. */
async function dueSlices(
  slices: readonly FileSlice[],
  given: { context: ServiceContext; policy: CompactionPolicy; timeline: TimelineView },
): Promise<FileSlice[]> {
  const { context, policy, timeline } = given
  const { store, journal, clock } = context
  const due = slicesToCompact(slices, policy, clock.nowMs())
  const { schema, schemaVersion } = journal.state
  if (due.length > 0 || schemaVersion === 1) return due
  const before = await slicesBeforeWidening(slices, { store, timeline, schema })
  return slicesToCompact(before, { ...policy, logFilesMin: 1, logBytesShareMin: 0 }, clock.nowMs())
}

function groupOf({ partitionPath, fileId }: FileSlice): string {
  return fileGroupKey(partitionPath, fileId)
}

/** The timeline without what completed later: readers place those logs into the slice that begins at the instant. */
function completedBefore(timeline: TimelineView, instant: InstantTime): TimelineView {
  return {
    ...timeline,
    isCommitted: at => timeline.isCommitted(at) && (timeline.completionTime(at) ?? '') < instant,
  }
}

/** Null when all of the file groups are damaged. */
async function run(scheduled: ScheduledCompaction, context: ServiceContext): Promise<Compacted | null> {
  const { store, journal, clock } = context
  const startedAtMs = clock.nowMs()
  const stats: WriteStat[] = []
  let bytesBefore = 0
  try {
    for (const slice of scheduled.slices) {
      const stat = await compactWhole(slice, scheduled, context)
      if (stat === null) continue
      stats.push(stat)
      bytesBefore += sliceBytes(slice)
    }
    if (stats.length === 0) return null
    await journal.commit(compactStep(stats, scheduled, context))
  } catch (error) {
    // Files that may be part of the table stay: no answer came, or so late that nobody knows (clean.ts sees to them).
    if (!journal.unsettled && clock.nowMs() - startedAtMs < discardAgeMsMax)
      await store.delete(stats.map(({ path }) => asidePath(scheduled.instant, path))).catch(() => undefined)
    throw error
  }
  const sum = (value: (stat: WriteStat) => number): number =>
    stats.reduce((total, stat) => total + value(stat), 0)
  return {
    instant: scheduled.instant,
    fileGroups: stats.length,
    rows: sum(({ numWrites }) => numWrites),
    bytesBefore,
    bytes: sum(({ fileSizeInBytes }) => fileSizeInBytes),
  }
}

/** Well below the time after which the timeline may be trimmed. */
const discardAgeMsMax = 15 * 60_000

/** Null when the file group is damaged, and that is noted. */
async function compactWhole(
  slice: FileSlice,
  scheduled: ScheduledCompaction,
  context: ServiceContext,
): Promise<WriteStat | null> {
  try {
    return await compactSlice(slice, scheduled, context)
  } catch (error) {
    if (context.damaged === undefined || !isDamage(error)) throw error
    context.damaged.note(slice, error)
    return null
  }
}

async function compactSlice(
  slice: FileSlice,
  { instant, timeline, memoryBytes }: ScheduledCompaction,
  { store, definition, journal, clock, signal, beat, urgent }: ServiceContext,
): Promise<WriteStat> {
  const { fileId, partitionPath, baseInstant, logs } = slice
  const { schema } = journal.state
  const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
  const path = dataFilePath(partitionPath, fileName)
  const pace = new Pace(clock, signal, beat, urgent)
  const pause = (): Promise<void> => pace.pause()
  const avroSchema = avroSchemaOf(definition.name, schema, { metaFields: true })
  const file = new StreamedBaseFile({ fileName, partitionPath, schema, avroSchema, pause })
  const query = { store, config: writtenConfig(definition), timeline, pause, logMemoryBytes: memoryBytes }
  await store.putStream(asidePath(instant, path), mergedFile(slice, file, query))
  signal.throwIfAborted()
  return {
    fileId,
    path,
    prevCommit: baseInstant,
    partitionPath,
    fileSizeInBytes: file.sizeBytes,
    totalWriteBytes: file.sizeBytes,
    numWrites: file.rows,
    numInserts: 0,
    totalLogFilesCompacted: logs.length,
    totalLogSizeCompacted: logBytes(slice),
  }
}

function compactStep(
  stats: readonly WriteStat[],
  { instant, seq }: ScheduledCompaction,
  { definition, journal }: ServiceContext,
): Step {
  const partitionToWriteStats: Record<string, WriteStat[]> = {}
  for (const stat of stats) (partitionToWriteStats[stat.partitionPath] ??= []).push(stat)
  const { schema, schemaVersion } = journal.state
  const avroSchema = avroSchemaOf(definition.name, schema, { metaFields: false })
  const metadata: CommitMetadata = {
    partitionToWriteStats,
    compacted: true,
    extraMetadata: { schema: JSON.stringify(avroSchema) },
    operationType: 'COMPACT',
  }
  return {
    kind: 'compact',
    instant,
    action: 'commit',
    metadata,
    moves: [],
    fileGroups: { compacted: stats.map(({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId)) },
    placements: stats.map(({ path }) => ({ from: asidePath(instant, path), to: path })),
    stagedAt: seq,
    schemaVersion,
  }
}

function operationOf(slice: FileSlice): CompactionOperation {
  const { baseInstant, base, logs, fileId, partitionPath } = slice
  return {
    baseInstantTime: baseInstant,
    deltaFilePaths: logs.map(({ name }) => name),
    dataFilePath: base?.name ?? null,
    fileId,
    partitionPath,
    metrics: { TOTAL_LOG_FILES: logs.length, TOTAL_LOG_FILES_SIZE: logBytes(slice) },
  }
}
