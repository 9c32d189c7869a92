// Which commits stand for others that are gone: of the older past of a table with daily history the logs of a day are
// merged into one, under the last commit of them (services/coalesce-logs.ts). That commit says so in its metadata, for
// each file group from when on: `sluice.coalesced`, a JSON object of file group -> completion time of the first.
// A range of commits that holds all of them finds their changes in the last; of a range that begins or ends among them
// nobody can tell any more which of the changes it has.
import { DataError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

const coalescedKey = 'sluice.coalesced'

/** The commits of a file group whose changes are in the last of them. */
export interface CoalescedRun {
  /** As fileGroupKey() has it. */
  group: string
  /** When the first of them completed. */
  since: InstantTime
  /** When the last of them completed. */
  until: InstantTime
}

/** The runs a commit stands for. @param completion of the commit */
export function coalescedRuns({ extraMetadata }: CommitMetadata, completion: InstantTime): CoalescedRun[] {
  const text = extraMetadata[coalescedKey]
  if (text === undefined) return []
  return Object.entries(JSON.parse(text) as Record<string, InstantTime>).map(([group, since]) => ({
    group,
    since,
    until: completion,
  }))
}

/** The commit, standing for all that completed since then in a file group as well. */
export function withCoalesced(
  commit: CommitMetadata,
  { group, since }: Omit<CoalescedRun, 'until'>,
): CommitMetadata {
  const { extraMetadata } = commit
  const groups = JSON.parse(extraMetadata[coalescedKey] ?? '{}') as Record<string, InstantTime>
  const before = groups[group]
  groups[group] = before !== undefined && before < since ? before : since
  return { ...commit, extraMetadata: { ...extraMetadata, [coalescedKey]: JSON.stringify(groups) } }
}

const untilPath = '.hoodie/.sluice/coalesced-until'

/**
 * When the newest commit completed that stands for others, or is about to; null: there never was one. Instants it stands
 * for leave the timeline and are in no history, and rows of theirs have its own instant.
 * @throws DataError LAKE_FILE_CORRUPT
 */
export async function coalescedUntil(store: ObjectStore): Promise<InstantTime | null> {
  const bytes = await store.get(untilPath)
  if (bytes === null) return null
  const text = Buffer.from(bytes).toString('utf8')
  if (/^\d{17}$/.test(text)) return text
  throw new DataError(`${untilPath} holds no instant`, {
    code: 'LAKE_FILE_CORRUPT',
    context: { table: store.url, path: untilPath },
  })
}

/** To be called before the merged log is written. */
export async function putCoalescedUntil(store: ObjectStore, until: InstantTime): Promise<void> {
  if (((await coalescedUntil(store)) ?? '') < until) await store.put(untilPath, Buffer.from(until))
}
