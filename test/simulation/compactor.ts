// Merges the logs of a shared file group into a new base file while the lanes go on writing: first a `schedule`
// entry that fixes the instant, then all logs that completed before it, then the compaction as a step of its own.
import { loadSlices, readSlice, sharedGroups } from './file-groups.ts'
import { metadataOf } from './lane.ts'
import type { Process } from './process.ts'
import { dataFile } from './table-reader.ts'
import type { World } from './world.ts'
import { ConflictError, TransientError, isAbort } from '#common/errors.ts'
import type { Journal } from '#lake/journal/journal.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { baseFileName, newWriteToken } from '#lake/table/names.ts'

/** Compacts a few times, then is done. */
export async function runCompactor(world: World, process: Process, store: ObjectStore): Promise<void> {
  const { clock, signal, name } = process
  const { random } = world.scheduler
  try {
    const journal = await world.openJournal(store, {
      clock,
      signal,
      writer: name,
      retention: world.retention,
    })
    for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
      await clock.sleep(random.between(1, 2_000))
      await compact(journal, store, process, random.pick(sharedGroups)).catch((error: unknown) => {
        if (!(error instanceof ConflictError)) throw error
      })
      await journal.refresh()
    }
  } catch (error) {
    if (!(error instanceof TransientError) && !isAbort(error)) throw error
  }
}

async function compact(
  journal: Journal,
  store: ObjectStore,
  process: Process,
  fileId: string,
): Promise<void> {
  const instant = await journal.nextInstant()
  const nothing = { action: null, metadata: null, moves: [], fileGroups: {} }
  const { seq, schemaVersion } = journal.state
  const scheduled = await journal.commit({
    kind: 'schedule',
    instant,
    ...nothing,
    stagedAt: seq,
    schemaVersion,
  })

  const slice = (await loadSlices(store, journal.layout, instant)).get(fileId)
  if (slice === undefined || slice.logs.length === 0 || (slice.base?.instant ?? '') > instant) return
  const path = baseFileName({ fileId, writeToken: newWriteToken(process.clock), instant })
  await store.put(path, dataFile(await readSlice(store, slice)))
  await journal.commit({
    kind: 'compact',
    instant,
    action: 'commit',
    metadata: metadataOf([path], 'COMPACT'),
    moves: [],
    fileGroups: { compacted: [fileId] },
    stagedAt: scheduled.seq,
    schemaVersion: journal.state.schemaVersion,
  })
}
