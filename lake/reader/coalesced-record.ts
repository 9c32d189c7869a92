// What a merge of log files does: which file it makes, and which files that one stands for. The record is there before
// the file, so that a reader knows of whatever a compaction may have read of it, and until the commits tell the same
// themselves; whoever comes next goes on where a dead one stopped.
// Stored as JSON in `.hoodie/.sluice/coalesced/<instant>_<write token>.json`.
import { DataError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface CoalescedRecord {
  /** The instant the merged log was written under. */
  instant: InstantTime
  /** What the commit of that instant says of the merged log. */
  stat: WriteStat
  /** Paths of the logs it stands for, and their instants. */
  merged: readonly { path: string; instant: InstantTime }[]
  /** When the first commit completed whose rows the merged log holds. */
  since: InstantTime
  /** By the clock of who makes it, ms since the epoch. */
  madeAtMs: number
}

const folder = '.hoodie/.sluice/coalesced/'

export async function putRecord(store: ObjectStore, record: CoalescedRecord): Promise<void> {
  const name = record.stat.path.slice(record.stat.path.lastIndexOf('_') + 1)
  await store.put(`${folder}${record.instant}_${name}.json`, Buffer.from(JSON.stringify(record)))
}

/** Path -> record. Of some the merged log is not there: not yet, or never, since its writer died. @throws DataError LAKE_FILE_CORRUPT */
export async function readRecords(store: ObjectStore): Promise<Map<string, CoalescedRecord>> {
  const records = new Map<string, CoalescedRecord>()
  for await (const { path } of store.list(folder)) {
    const bytes = await store.get(path)
    if (bytes === null) continue
    try {
      records.set(path, JSON.parse(Buffer.from(bytes).toString('utf8')) as CoalescedRecord)
    } catch (cause) {
      throw new DataError(`${path} is no JSON`, { code: 'LAKE_FILE_CORRUPT', context: { path }, cause })
    }
  }
  return records
}
