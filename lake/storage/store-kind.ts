// What a kind of store gives to open.ts: how one of its URLs is opened.
import type { ObjectStore } from './object-store.ts'
import type { S3Options } from './s3-options.ts'
import type { Clock } from '#common/clock.ts'

export interface StoreOptions {
  clock: Clock
  s3?: S3Options
}

/** Opens the store of a URL of its scheme. @throws ConfigError STORAGE_URL_INVALID by `invalidUrl` */
export type OpenStore = (url: URL, options: StoreOptions) => Promise<ObjectStore>
