// Opens the store a URL names: `file:///path`, `s3://bucket/prefix`, or `memory:` for tests. The S3 client is
// loaded only when it is needed.
import { fileURLToPath } from 'node:url'
import { FileStore } from './file.ts'
import { MemoryStore } from './memory.ts'
import type { ObjectStore } from './object-store.ts'
import type { S3Options } from './s3.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'

export interface StoreOptions {
  clock: Clock
  s3?: S3Options
}

/** @throws ConfigError STORAGE_URL_INVALID */
export async function openStore(url: string, options: StoreOptions): Promise<ObjectStore> {
  const parsed = URL.canParse(url) ? new URL(url) : null
  switch (parsed?.protocol) {
    case 'file:':
      if (parsed.host !== '') throw invalid(url, 'a file URL has three slashes: file:///path')
      return new FileStore(fileURLToPath(parsed), options.clock)
    case 's3:':
    case 's3a:': {
      if (parsed.host === '') throw invalid(url, 'the bucket is missing: s3://bucket/prefix')
      const { S3Store } = await import('./s3.ts')
      const prefix = decodeURIComponent(parsed.pathname).replaceAll(/^\/+|\/+$/g, '')
      return S3Store.open(parsed.host, prefix, options.s3 ?? {})
    }
    case 'memory:':
      return new MemoryStore()
    default:
      throw invalid(url, 'it must begin with file:// or s3://')
  }
}

function invalid(url: string, reason: string): ConfigError {
  return new ConfigError(`${url}: ${reason}`, { code: 'STORAGE_URL_INVALID', context: { url } })
}
