// Writes the base files that plan-advance.ts asks for. They lie in the past, below base files that are newer, and under
// instants that are committed: nobody but time travel sees them, and that finds the same rows.
import { avroSchemaOf } from '#lake/avro/schema.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { timelineView } from '#lake/reader/timeline-view.ts'
import { writtenConfig } from '#lake/table/lookup.ts'
import { baseFileName, dataFilePath, newWriteToken } from '#lake/table/names.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { columnsAt } from './columns-at.ts'
import type { ServiceContext } from './compact.ts'
import { mergedFile, StreamedBaseFile } from './merged-file.ts'
import { Pace } from './pace.ts'
import type { Advance } from './plan-advance.ts'
import { advances } from './plan-advance.ts'

export interface AdvancePolicy {
  /** States that are younger stay readable. */
  retentionMs: number
  /** Bytes of logs per byte of the base file before them from which on a new one is written. */
  logShareMin: number
  /** What merging the logs may hold in memory. */
  memoryBytes: number
}

/** Returns how many base files were written. Only for merge-on-read tables of layout 2. */
export async function advanceHistory(context: ServiceContext, policy: AdvancePolicy): Promise<number> {
  const { store, journal, clock, definition } = context
  if (journal.layout === 1 || definition.tableType !== 'MERGE_ON_READ') return 0
  const instants = await loadTimeline(store, journal.layout)
  // Savepoints hold older states, and what is pending may count on any file.
  if (instants.some(({ state, action }) => state !== 'completed' || action === 'savepoint')) return 0
  const first = instants[0]?.instant ?? null
  const timeline = timelineView({ layout: 2, instants, first, replaced: new Set() })
  const planned = advances({
    files: await listDataFiles(store),
    timeline,
    horizon: formatInstant(clock.nowMs() - policy.retentionMs),
    logShareMin: policy.logShareMin,
  })
  let written = 0
  for (const advance of planned) if (await write(advance, timeline, policy, context)) written++
  return written
}

async function write(
  { slice, instant, completion }: Advance,
  timeline: TimelineView,
  { memoryBytes }: AdvancePolicy,
  { store, definition, clock, signal, beat, urgent }: ServiceContext,
): Promise<boolean> {
  const commit = await store.get(timeline.completed.find(at => at.instant === instant)!.path)
  const schema = commit && columnsAt(decodeCommitMetadata(commit))
  if (schema === null) return false
  const { fileId, partitionPath } = slice
  const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
  const pace = new Pace(clock, signal, beat, urgent)
  const pause = (): Promise<void> => pace.pause()
  const avroSchema = avroSchemaOf(definition.name, schema, { metaFields: true })
  const compression = 'zstdSmall'
  const file = new StreamedBaseFile({ fileName, partitionPath, schema, avroSchema, compression, pause })
  const until: TimelineView = {
    ...timeline,
    isCommitted: at => timeline.isCommitted(at) && (timeline.completionTime(at) ?? '') <= completion,
  }
  const query = {
    store,
    config: writtenConfig(definition),
    timeline: until,
    pause,
    logMemoryBytes: memoryBytes,
  }
  const path = dataFilePath(partitionPath, fileName)
  await store.putStream(path, mergedFile(slice, file, query))
  return true
}
