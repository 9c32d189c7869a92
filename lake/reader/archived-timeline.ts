// The newest instants of the history, where those go that leave the active timeline.
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { ArchivedHead, ArchivedInstant } from '#lake/timeline/archived-instants.ts'
import { decodeArchivedHeads, decodeArchivedInstants } from '#lake/timeline/archived-instants.ts'
import { historyFolder, historySpan } from '#lake/timeline/history-format.ts'
import { loadHistory } from '#lake/timeline/history.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant, parseInstant } from '#lake/timeline/instant.ts'

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
    const heads = bytes === null ? [] : await decodeArchivedHeads(bytes, historyFolder + name)
    chosen = [...chosen, ...heads.map(({ instant }) => ({ instant, file: name }))]
      .toSorted((a, b) => (a.instant < b.instant ? 1 : -1))
      .slice(0, limit)
  }
  return chosen
}

/** Free of the row group it was read from. */
function copied({ metadata, plan, ...rest }: ArchivedInstant): ArchivedInstant {
  return { ...rest, metadata: metadata && Uint8Array.from(metadata), plan: plan && Uint8Array.from(plan) }
}

/** No action takes longer than this from its instant to its completion; Hudi counts on it as well. */
const actionMsMax = 24 * 3_600_000

export interface ArchivedSince {
  heads: readonly ArchivedHead[]
  /** Whether the history reaches back to then: these are all. */
  isWhole: boolean
}

/**
 * Archived instants that completed after `from`. What the history has is without a gap: instants go into it in their
 * order, and out of it from the oldest on.
 * @throws DataError LAKE_FILE_CORRUPT
 */
export async function archivedSince(store: ObjectStore, from: InstantTime): Promise<ArchivedSince> {
  const { files } = await loadHistory(store)
  const mayHold = formatInstant(Math.max(0, parseInstant(from) - actionMsMax))
  let isWhole = false
  const heads: ArchivedHead[] = []
  for (const { name } of files) {
    const span = historySpan(name)
    if (span === null || span.last < mayHold) {
      isWhole ||= span !== null
      continue
    }
    const bytes = await store.get(historyFolder + name)
    for (const head of bytes === null ? [] : await decodeArchivedHeads(bytes, historyFolder + name))
      if (head.completionTime > from) heads.push(head)
      else isWhole = true
  }
  return { heads, isWhole }
}

/** Whether an instant before this one may have completed after `from`. */
export function mayCross(instant: InstantTime, from: InstantTime): boolean {
  return parseInstant(from) - parseInstant(instant) < actionMsMax
}
