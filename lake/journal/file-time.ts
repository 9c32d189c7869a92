// The time of a completed instant's file, in layout 1. Hudi 1.x tells by it when the instant completed, and gives a
// log file to the newest base file that began before its own base instant completed. A file that is older than its
// instant, since the store's clock is behind, would give the logs of a new base file to the one before: rows missing,
// and no error. So the file is written again, with the same bytes, when the store's clock has caught up.
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { parseInstant } from '#lake/timeline/instant.ts'

/** Stores keep file times to the second. */
export const fileTimeGranularityMs = 1_000
/** Clocks that differ by more are to be set right. */
const behindMsMax = 60_000

/**
 * Sees to it that the file is not older than the instant.
 * @throws ConfigError STORAGE_CLOCK_BEHIND
 */
export async function keepFileTime(
  file: { path: string; bytes: Uint8Array; instant: InstantTime },
  { store, clock }: { store: ObjectStore; clock: Clock },
): Promise<void> {
  for (;;) {
    const modifiedAtMs = await modifiedAt(store, file.path)
    // The store keeps no times, or the file was trimmed since.
    if (modifiedAtMs === null) return
    const behindMs = parseInstant(file.instant) - modifiedAtMs
    if (behindMs <= 0) return
    if (behindMs > behindMsMax)
      throw new ConfigError(
        `The clock of the store ${store.url} is ${Math.round(behindMs / 1000)} seconds behind that of this worker`,
        { code: 'STORAGE_CLOCK_BEHIND', context: { table: store.url, behindMs } },
      )
    await clock.sleep(behindMs + fileTimeGranularityMs)
    await store.put(file.path, file.bytes)
  }
}

async function modifiedAt(store: ObjectStore, path: string): Promise<number | null> {
  for await (const info of store.list(path)) if (info.path === path) return info.modifiedAtMs ?? null
  return null
}
