// Merges the logs of a shared file group into a new base file while the lanes go on writing: first a `schedule`
// entry that fixes the instant, then all logs that completed before it, then the compaction as a step of its own.
import { loadSlices, readSlice, sharedGroups } from './file-groups.ts'
import { metadataOf } from './lane.ts'
import type { Round } from './serve.ts'
import { service } from './serve.ts'
import { dataFile } from './table-reader.ts'
import { baseFileName, newWriteToken } from '#lake/table/names.ts'

export const compactor = { name: 'compactor', run: service(compact) }

async function compact({ world, process, store, journal }: Round): Promise<void> {
  const fileId = world.scheduler.random.pick(sharedGroups)
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
