// Finds out whether a store honours create-if-absent. Some S3-compatible servers take the header and overwrite all
// the same; on such a store two writers would both believe they had won, so it is refused.
import type { ObjectStore } from './object-store.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { asidePath } from '#lake/journal/placement.ts'
import { formatInstant } from '#lake/timeline/instant.ts'

const sleptMsMin = 300_000

/**
 * Three requests. Should they not all be made, cleaning removes what is left with all else that is kept aside.
 * @throws ConfigError STORAGE_NO_CONDITIONAL_PUT
 */
export async function probeConditionalPut(store: ObjectStore, clock: Clock): Promise<void> {
  const startedAtMs = clock.nowMs()
  const path = asidePath(formatInstant(startedAtMs), `probe-${clock.uuid()}`)
  const made = await store.putIfAbsent(path, Buffer.from('first'))
  const madeAgain = await store.putIfAbsent(path, Buffer.from('second'))
  await store.delete([path])
  if (made && !madeAgain) return
  // A cleaner may have removed it between the two requests of a writer that slept.
  if (clock.nowMs() - startedAtMs > sleptMsMin) return probeConditionalPut(store, clock)
  throw new ConfigError(`${store.url} does not honour create-if-absent (If-None-Match: *)`, {
    code: 'STORAGE_NO_CONDITIONAL_PUT',
    context: { store: store.url },
  })
}
