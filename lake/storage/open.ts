// Opens the store a URL names. A kind of store is one file with a class that passes test/contract/object-store.ts, and
// one line here; its code is loaded only when it is needed.
import type { ObjectStore } from './object-store.ts'
import type { OpenStore, StoreOptions } from './store-kind.ts'
import { ConfigError } from '#common/errors.ts'

const storesByScheme: Readonly<Record<string, () => Promise<OpenStore>>> = {
  'file:': async () => (await import('./file.ts')).openFileStore,
  's3:': async () => (await import('./s3.ts')).openS3Store,
  's3a:': async () => (await import('./s3.ts')).openS3Store,
  'memory:': async () => (await import('./memory.ts')).openMemoryStore,
}

/** @throws ConfigError STORAGE_URL_INVALID, and what the store of that kind finds wrong with its options */
export async function openStore(url: string, options: StoreOptions): Promise<ObjectStore> {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const load = parsed === null ? undefined : storesByScheme[parsed.protocol]
  if (parsed === null || load === undefined)
    throw new ConfigError(`${url}: it must begin with file:// or s3://`, {
      code: 'STORAGE_URL_INVALID',
      context: { url },
    })
  return (await load())(parsed, options)
}
