// Puts files of an append table together while the lanes go on writing: one replace commit makes the new file appear
// and the old ones disappear.
import { loadSlices, readSlice } from './file-groups.ts'
import { metadataOf } from './lane.ts'
import type { Round } from './serve.ts'
import { service } from './serve.ts'
import { dataFile } from './table-reader.ts'
import type { RunProcess } from './world.ts'
import { baseFileName, newFileId, newWriteToken } from '#lake/table/names.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export const clusterer = { name: 'clusterer', run: clustererOf({ laterToo: false }) }

/** @param options `laterToo`: takes in files of later instants than its own, which it must not */
export function clustererOf({ laterToo }: { laterToo: boolean }): RunProcess {
  return service(round => cluster(round, laterToo))
}

async function cluster({ world, process, store, journal }: Round, laterToo: boolean): Promise<void> {
  if (journal.layout === 1) return
  const { random } = world.scheduler
  const { seq: stagedAt, schemaVersion } = journal.state
  const instant = await journal.nextInstant()
  // Another engine that has something under way does not look for what we do meanwhile.
  if ((await loadTimeline(store, journal.layout)).some(({ state }) => state !== 'completed')) return
  // What has a later instant is no part of the state as of ours.
  const small = [...(await loadSlices(store, journal.layout))]
    .filter(([, { base }]) => base !== null && (laterToo || base.instant < instant))
    .slice(0, random.between(2, 5))
  if (small.length < 2) return
  const rows: string[] = []
  for (const [, slice] of small) rows.push(...(await readSlice(store, slice)))
  const name = { fileId: newFileId(process.clock), writeToken: newWriteToken(process.clock), instant }
  const path = baseFileName(name)
  await store.put(path, dataFile(rows))
  const replaced = small.map(([fileId]) => fileId)
  await journal.commit({
    kind: 'replace',
    instant,
    action: 'replacecommit',
    metadata: { ...metadataOf([path], 'CLUSTER'), partitionToReplaceFileIds: { '': replaced } },
    moves: [],
    fileGroups: { replaced },
    stagedAt,
    schemaVersion,
  })
}
