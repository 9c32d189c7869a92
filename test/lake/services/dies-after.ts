// A table service that ends in the middle of its work.
import { isAbort } from '#common/errors.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import { HookedStore } from './hooked-store.ts'

interface ServedTable {
  store: MemoryStore
  services(on: MemoryStore, signal: AbortSignal): Promise<ServiceContext>
}

/** False: it was done before it had made so many requests. Throws what it fails with by itself. */
export async function diesAfter(
  requests: number,
  table: ServedTable,
  service: (context: ServiceContext) => Promise<unknown>,
): Promise<boolean> {
  const stop = new AbortController()
  const store = new HookedStore(table.store)
  store.before = () => {
    if (store.requests > requests) stop.abort()
    stop.signal.throwIfAborted()
  }
  try {
    await service(await table.services(store, stop.signal))
    return false
  } catch (error) {
    if (!isAbort(error)) throw error
    return true
  }
}
