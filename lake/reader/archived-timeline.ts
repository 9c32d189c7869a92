// The newest instants of the history, where those go that leave the active timeline.
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { ArchivedInstant } from '#lake/timeline/archived-instants.ts'
import { decodeArchivedInstants, decodeArchivedTimes } from '#lake/timeline/archived-instants.ts'
import { historyFolder, historySpan } from '#lake/timeline/history-format.ts'
import { loadHistory } from '#lake/timeline/history.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

interface Located {
  instant: InstantTime
  file: string
}

/**
 * At most `limit` instants, newest first. Of a file only the instants asked for stay in memory.
 * @throws DataError LAKE_FILE_CORRUPT
 */
export async function readArchived(store: ObjectStore, limit: number): Promise<ArchivedInstant[]> {
  const wanted = await newest(store, limit)
  const found = new Map<InstantTime, ArchivedInstant>()
  for (const [file, instants] of Map.groupBy(wanted, located => located.file)) {
    const bytes = await store.get(historyFolder + file)
    if (bytes === null) continue
    const times = new Set(instants.map(({ instant }) => instant))
    for await (const archived of decodeArchivedInstants(bytes, historyFolder + file))
      if (times.has(archived.instant)) found.set(archived.instant, copied(archived))
  }
  return [...found.values()].toSorted((a, b) => (a.instant < b.instant ? 1 : -1))
}

/** Files are read from the newest on, until the rest can only hold older instants. */
async function newest(store: ObjectStore, limit: number): Promise<Located[]> {
  const { files } = await loadHistory(store)
  const byLast = files
    .flatMap(({ name }) => {
      const span = historySpan(name)
      return span === null ? [] : [{ name, ...span }]
    })
    .toSorted((a, b) => (a.last < b.last ? 1 : -1))
  let chosen: Located[] = []
  for (const { name, last } of byLast) {
    const oldest = chosen[limit - 1]
    if (limit === 0 || (oldest !== undefined && last < oldest.instant)) break
    const bytes = await store.get(historyFolder + name)
    const times = bytes === null ? [] : await decodeArchivedTimes(bytes, historyFolder + name)
    chosen = [...chosen, ...times.map(instant => ({ instant, file: name }))]
      .toSorted((a, b) => (a.instant < b.instant ? 1 : -1))
      .slice(0, limit)
  }
  return chosen
}

/** Free of the row group it was read from. */
function copied({ metadata, plan, ...rest }: ArchivedInstant): ArchivedInstant {
  return { ...rest, metadata: metadata && Uint8Array.from(metadata), plan: plan && Uint8Array.from(plan) }
}
