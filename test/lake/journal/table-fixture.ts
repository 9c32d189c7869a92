// A small table in memory and steps to take on it.
import type { Clock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { Step } from '#lake/journal/step.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { createTable } from '#lake/table/create.ts'
import type { TableDefinition } from '#lake/table/definition.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export const shopDefinition: TableDefinition = {
  name: 'orders',
  kind: 'keyed',
  tableType: 'MERGE_ON_READ',
  version: 8,
  schema: {
    columns: [
      { name: 'id', type: { kind: 'int64' }, nullable: true },
      { name: 'note', type: { kind: 'string' }, nullable: true },
      { name: '_sluice_seq', type: { kind: 'int64' }, nullable: true },
    ],
    key: ['id'],
  },
  buckets: 4,
  partitionFields: [],
  orderingField: '_sluice_seq',
}

export function fixedClock(startMs = Date.UTC(2026, 10, 24, 12)): Clock & { nowAtMs: number } {
  let drawn = 0
  return {
    nowAtMs: startMs,
    nowMs() {
      return this.nowAtMs
    },
    monotonicMs() {
      return this.nowAtMs
    },
    sleep(ms) {
      this.nowAtMs += ms
      return Promise.resolve()
    },
    uuid: () => `00000000-0000-4000-8000-${String(drawn++).padStart(12, '0')}`,
    random: () => (drawn++ % 97) / 97,
  }
}

export async function newTable(definition: TableDefinition = shopDefinition) {
  const clock = fixedClock()
  const store = new MemoryStore()
  await createTable(store, definition, clock)
  const open = (writer: string, on: ObjectStore = store) =>
    Journal.open(on, { clock, writer, signal: new AbortController().signal })
  return { clock, store, open }
}

export function metadataOf(path: string): CommitMetadata {
  const stat = { fileId: path, path, prevCommit: 'null', partitionPath: '', fileSizeInBytes: 1, numWrites: 1 }
  return {
    partitionToWriteStats: { '': [stat] },
    compacted: false,
    extraMetadata: {},
    operationType: 'UPSERT',
  }
}

/** A commit of one file that moves one split. */
export async function stagedStep(
  journal: Journal,
  move: { split: string; from: string | null; to: string | null },
  more: Partial<Step> = {},
): Promise<Step> {
  const { seq, schemaVersion } = journal.state
  const instant = await journal.nextInstant()
  return {
    kind: 'commit',
    instant,
    action: 'deltacommit',
    metadata: metadataOf(`file-${instant}`),
    moves: [move],
    fileGroups: {},
    stagedAt: seq,
    schemaVersion,
    ...more,
  }
}

/** The instants after the one that made the table. */
export async function commitsOf(store: ObjectStore, layout: TimelineLayout = 2): Promise<TimelineInstant[]> {
  return (await loadTimeline(store, layout)).slice(1)
}
