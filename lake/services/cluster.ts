// Clustering: puts small files of an append table together while writers go on. It is one step of the journal, staged
// against the state in which the files were listed: of two clusterings of one file the later to be done is refused, and
// so is one whose files another engine replaced. Nothing of it is on the timeline before it is done, and then its one
// instant, a replace commit, makes the new files appear and the old ones disappear at the same moment.
//
// Rows keep the commit that wrote them, so incremental readers do not see them again. The old files stay for readers of
// earlier states until cleaning removes them, and the replace commit stays on the timeline as long as they do.
import type { ServiceContext } from './compact.ts'
import { StreamedBaseFile } from './merged-file.ts'
import { Pace } from './pace.ts'
import type { ClusteringPolicy, FilesToCluster } from './plan-clustering.ts'
import { filesToCluster } from './plan-clustering.ts'
import { loadReplacements } from './replaced-groups.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import type { TableState } from '#lake/journal/table-state.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { latestSlices } from '#lake/reader/file-slice.ts'
import type { RowBatch, SliceQuery } from '#lake/reader/slice-reader.ts'
import { readSlice } from '#lake/reader/slice-reader.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { timelineView } from '#lake/reader/timeline-view.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { writtenConfig } from '#lake/table/lookup.ts'
import { baseFileName, dataFilePath, fileGroupKey, newFileId, newWriteToken } from '#lake/table/names.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export interface Clustered {
  instant: InstantTime
  /** Files replaced, and those that took their place. */
  filesBefore: number
  filesAfter: number
  rows: number
  /** Of the files that were replaced. */
  bytesBefore: number
  /** Of the new files. */
  bytes: number
}

interface Clustering {
  instant: InstantTime
  /** The table when its files were listed. */
  state: TableState
  groups: readonly FilesToCluster[]
  timeline: TimelineView
}

/** Well below the time after which the timeline may be trimmed. */
const discardAgeMsMax = 15 * 60_000

/**
 * Puts the small files together that need it most; null when none do.
 * @throws ConflictError COMMIT_CONFLICT when another clustering, or a change of the columns, came first
 */
export async function clusterSome(
  context: ServiceContext,
  policy: ClusteringPolicy,
): Promise<Clustered | null> {
  const { store, definition, journal, clock } = context
  // In layout 1 replaced files would never be cleaned.
  if (definition.kind !== 'append' || journal.layout === 1) return null
  // Before the files are listed, so that whatever is done to them since clashes.
  const { state } = journal
  const instant = await journal.nextInstant()
  const timeline = await settledTimeline(store)
  if (timeline === null) return null
  const bases = latestSlices(await listDataFiles(store), timeline).flatMap(({ base, logs }) =>
    base === null || logs.length > 0 ? [] : [base],
  )
  // Rows of a later instant would be seen as of this one.
  const earlier = bases.filter(base => base.instant < instant)
  const groups = filesToCluster(earlier, policy, clock.nowMs())
  return groups.length === 0 ? null : run({ instant, state, groups, timeline }, context)
}

/** What rewrites nothing. */
const harmless = new Set(['clean', 'rollback', 'savepoint', 'restore', 'indexing'])

/**
 * The timeline; null while another engine has something under way: it may be about to rewrite a small file, to add rows
 * to it or to cluster it, and it does not look for what we did meanwhile.
 */
async function settledTimeline(store: ObjectStore): Promise<TimelineView | null> {
  const instants = await loadTimeline(store, 2)
  if (instants.some(({ state, action }) => state !== 'completed' && !harmless.has(action))) return null
  const replacements = await loadReplacements(store, instants)
  const replaced = new Set(replacements.flatMap(({ groups }) => [...groups].map(sliceKey)))
  const first = instants.find(({ state }) => state === 'completed')?.instant ?? null
  return timelineView({ layout: 2, instants, first, replaced })
}

/** As the reader names file groups: without a partition there is the slash alone. */
function sliceKey(group: string): string {
  return group.includes('/') ? group : `/${group}`
}

async function run(clustering: Clustering, context: ServiceContext): Promise<Clustered> {
  const { store, journal, clock } = context
  const startedAtMs = clock.nowMs()
  const stats: WriteStat[] = []
  try {
    for (const files of clustering.groups) stats.push(await mergeFiles(files, clustering, context))
    await takeStep(stats, clustering, context)
  } catch (error) {
    // Files that may be part of the table stay: no answer came, or so late that nobody knows (clean.ts sees to them).
    if (!journal.unsettled && clock.nowMs() - startedAtMs < discardAgeMsMax)
      await store.delete(stats.map(({ path }) => path)).catch(() => undefined)
    throw error
  }
  return {
    instant: clustering.instant,
    filesBefore: clustering.groups.reduce((sum, files) => sum + files.length, 0),
    filesAfter: stats.length,
    bytesBefore: clustering.groups.flat().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    rows: stats.reduce((sum, { numWrites }) => sum + numWrites, 0),
    bytes: stats.reduce((sum, { fileSizeInBytes }) => sum + fileSizeInBytes, 0),
  }
}

/** Read and written row group by row group. */
async function mergeFiles(
  files: FilesToCluster,
  { instant, state, timeline }: Clustering,
  { store, definition, clock, signal, beat, urgent }: ServiceContext,
): Promise<WriteStat> {
  const { schema } = state
  const { partitionPath } = files[0]!
  const fileId = newFileId(clock)
  const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
  const path = dataFilePath(partitionPath, fileName)
  const pace = new Pace(clock, signal, beat, urgent)
  const pause = (): Promise<void> => pace.pause()
  const avroSchema = avroSchemaOf(definition.name, schema, { metaFields: true })
  const file = new StreamedBaseFile({ fileName, partitionPath, schema, avroSchema, pause })
  const config = writtenConfig(definition)
  const query = { store, config, timeline, columns: file.columns, only: null, pause }
  await store.putStream(path, file.chunks(rowsOf(files, query)))
  signal.throwIfAborted()
  return {
    fileId,
    path,
    prevCommit: 'null',
    partitionPath,
    fileSizeInBytes: file.sizeBytes,
    totalWriteBytes: file.sizeBytes,
    numWrites: file.rows,
    numInserts: 0,
  }
}

async function* rowsOf(files: FilesToCluster, query: SliceQuery): AsyncGenerator<RowBatch> {
  for (const base of files) yield* readSlice(sliceOf(base), query)
}

function sliceOf(base: DataFile): Parameters<typeof readSlice>[0] {
  const { partitionPath, fileId, instant } = base
  return { partitionPath, fileId, baseInstant: instant, base, logs: [] }
}

async function takeStep(
  stats: readonly WriteStat[],
  { instant, state, groups }: Clustering,
  { definition, journal }: ServiceContext,
): Promise<void> {
  const replaced = groups.flat()
  const avroSchema = avroSchemaOf(definition.name, state.schema, { metaFields: false })
  const metadata: CommitMetadata = {
    partitionToWriteStats: byPartition(stats, stat => stat),
    compacted: false,
    extraMetadata: { schema: JSON.stringify(avroSchema) },
    operationType: 'CLUSTER',
    partitionToReplaceFileIds: byPartition(replaced, ({ fileId }) => fileId),
  }
  await journal.commit({
    kind: 'replace',
    instant,
    action: 'replacecommit',
    metadata,
    moves: [],
    fileGroups: {
      replaced: replaced.map(({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId)),
    },
    stagedAt: state.seq,
    schemaVersion: state.schemaVersion,
  })
}

function byPartition<T extends { partitionPath: string }, R>(
  items: readonly T[],
  of: (item: T) => R,
): Record<string, R[]> {
  const groups: Record<string, R[]> = {}
  for (const item of items) (groups[item.partitionPath] ??= []).push(of(item))
  return groups
}
