// Takes over a table that another engine made: gives it a definition and a journal that begins with what its timeline
// says. What the writer relies on in tables of its own is checked first, down to the bucket of each key. A table that
// has a journal, but has been written to by Hudi Streamer since, is only brought to where that one stopped.
import type { AdoptedTable, Adoption } from './adoptable.ts'
import { adoptableTable } from './adoptable.ts'
import { checkBuckets } from './check-buckets.ts'
import { advanceStep } from './pending-commit.ts'
import type { StoredDefinition } from './stored-definition.ts'
import { readStoredDefinition } from './stored-definition.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { Clock } from '#common/clock.ts'
import { encodeEntry, entryPath } from '#lake/journal/entry.ts'
import type { JournalEntry } from '#lake/journal/entry.ts'
import { Journal } from '#lake/journal/journal.ts'
import { putSchema } from '#lake/journal/schema-file.ts'
import { definitionPath } from '#lake/journal/table-guard.ts'
import type { Checkpoint } from '#lake/journal/stored-checkpoint.ts'
import { newestCheckpoint } from '#lake/journal/stored-checkpoint.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { probeConditionalPut } from '#lake/storage/probe.ts'
import { firstInstant, formatInstant } from '#lake/timeline/instant.ts'
import { latestTimes, loadTimeline } from '#lake/timeline/timeline.ts'

export interface Adopted {
  /** Whether it had a journal before. */
  hadJournal: boolean
  positions: ReadonlyMap<string, string>
  /** Where the positions are from; null when no commit of the timeline has any. */
  checkpoint: Checkpoint | null
}

/** @throws ConfigError LAKE_NOT_ADOPTABLE, and those of the journal */
export async function adoptTable(
  store: ObjectStore,
  adoption: Adoption,
  context: { clock: Clock; signal: AbortSignal },
): Promise<Adopted> {
  const checkpoint = await newestCheckpoint(store)
  const positions = checkpoint === null ? new Map<string, string>() : positionsAt(checkpoint, adoption)
  const hadJournal = (await readStoredDefinition(store)) !== null
  if (hadJournal) await moveTo(store, positions, context)
  else await begin(store, { table: await adoptableTable(store, adoption), positions }, context.clock)
  return { hadJournal, positions, checkpoint }
}

function positionsAt({ kind, text }: Checkpoint, { positionsOf }: Adoption): ReadonlyMap<string, string> {
  if (kind === 'streamer') return positionsOf(text)
  return new Map(Object.entries(JSON.parse(text) as Record<string, string>))
}

/** Goes on from where Hudi Streamer stopped. */
async function moveTo(
  store: ObjectStore,
  positions: ReadonlyMap<string, string>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const journal = await Journal.open(store, { clock, writer: 'adopt', signal, adopts: true })
  const { state } = journal
  const moves: PositionMove[] = []
  for (const [split, to] of positions) {
    const from = state.positions.get(split) ?? null
    if (from !== to) moves.push({ split, from, to })
  }
  await journal.commit(advanceStep(state, moves))
}

/** In the order of createTable(): whoever dies on the way leaves what the next one can go on with. */
async function begin(
  store: ObjectStore,
  { table, positions }: { table: AdoptedTable; positions: ReadonlyMap<string, string> },
  clock: Clock,
): Promise<void> {
  await probeConditionalPut(store, clock)
  await checkBuckets(store, table)
  const { definition } = table
  const times = latestTimes(await loadTimeline(store, 2))
  const first: JournalEntry = {
    seq: 1,
    kind: 'create',
    writer: 'adopt',
    predecessor: '',
    writtenAtMs: clock.nowMs(),
    instant: null,
    fileGroups: {},
    positions: Object.fromEntries(positions),
    schemaVersion: 1,
    schemaId: await putSchema(store, definition.schema),
    lastInstant: times.instant,
    lastCompletionTime: times.completionTime,
    instantFloor: firstInstant,
  }
  await store.putIfAbsent(entryPath(1), encodeEntry(first))
  const stored: StoredDefinition = { createdAt: formatInstant(clock.nowMs()), definition }
  await store.putIfAbsent(definitionPath, Buffer.from(JSON.stringify(stored, null, 1)))
}
