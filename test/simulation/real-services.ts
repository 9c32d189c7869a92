// The real compaction, clustering and cleaning in a simulated world, and on what a world leaves behind.
import { ConfigError, ConflictError, TransientError, isAbort } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import { clean } from '#lake/services/clean.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { compactSome } from '#lake/services/compact.ts'
import { clusteringPolicy } from '#lake/services/plan-clustering.ts'
import type { CompactionPolicy } from '#lake/services/plan-compaction.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { readDefinition } from '#lake/table/create.ts'
import { fixedClock } from '#test/lake/journal/table-fixture.ts'
import type { Process } from './process.ts'
import { pause } from './lane.ts'
import type { World } from './world.ts'
import { retentionMs } from './world.ts'

const eager: CompactionPolicy = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }
const clustering = { ...clusteringPolicy(1 << 20), filesMin: 2 }
const cleaning = {
  retentionMs,
  instantsMin: 2,
  thinning: { queryMsMax: 3_600_000, logShareMax: 10 },
}

/** Compacts and cleans a few times, then is done. */
export async function runRealServices(world: World, process: Process, store: ObjectStore): Promise<void> {
  const { clock, signal, name: writer } = process
  const { random } = world.scheduler
  try {
    for (let rounds = random.between(1, 5); rounds > 0; rounds--) {
      await clock.sleep(random.between(1, 2_000))
      await pause(world, clock)
      const definition = await readDefinition(store)
      if (definition === null) continue
      const journal = await world.openJournal(store, { clock, signal, writer })
      await serve({ store, definition, journal, clock, signal })
    }
  } catch (error) {
    const isUnfinished = error instanceof ConfigError && error.code === 'LAKE_TABLE_MISSING'
    if (!(error instanceof TransientError) && !isUnfinished && !isAbort(error)) throw error
  }
}

async function serve(context: ServiceContext): Promise<void> {
  try {
    await compactSome(context, eager)
    await clusterSome(context, clustering)
    await clean(context, cleaning)
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
  }
}

/** What is stored when, a month later, somebody compacts and cleans whatever the world has left. */
export async function servedLater(
  objects: ReadonlyMap<string, Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const served = new Map(objects)
  const store = new MemoryStore('', served)
  const definition = await readDefinition(store)
  if (definition === null || !served.has('.hoodie/hoodie.properties')) return served
  const clock = fixedClock(Date.UTC(2026, 1, 1))
  const { signal } = new AbortController()
  for (let day = 0; day < 3; day++) {
    const journal = await Journal.open(store, { clock, signal, writer: 'later' })
    const context = { store, definition, journal, clock, signal }
    const { seq, schemaVersion } = journal.state
    // The table lives on: what was staged long ago can no longer be committed.
    const nothing = { action: null, metadata: null, moves: [], fileGroups: {} }
    const instant = await journal.nextInstant()
    await journal.commit({ kind: 'schedule', instant, ...nothing, stagedAt: seq, schemaVersion })
    // Before the compaction, while logs of writers that crossed an earlier one are still needed, and after it.
    await clean(context, cleaning)
    await compactSome(context, eager)
    await clean(context, cleaning)
    clock.nowAtMs += 24 * 3_600_000
  }
  return served
}
