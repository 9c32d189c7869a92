// The store of a table that a command line names, with access to S3 as AWS's own tools find it.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '#common/clock.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openStore } from '#lake/storage/open.ts'
import type { S3Options } from '#lake/storage/s3-options.ts'

export interface StoreFlags {
  endpoint?: string | undefined
  region?: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** `location`: a URL, or a path on this machine. @throws ConfigError STORAGE_URL_INVALID */
export function openTableStore(location: string, flags: StoreFlags): Promise<ObjectStore> {
  const url = /^[a-z][a-z0-9+.-]*:/i.test(location) ? location : pathToFileURL(resolve(location)).href
  return openStore(url, { clock: systemClock, s3: s3Options(flags, process.env) })
}

/** Keys are not among them: the client looks for them in the environment, profiles and roles by itself. */
export function s3Options(flags: StoreFlags, environment: Environment): S3Options {
  const endpoint = flags.endpoint ?? environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL']
  const region = flags.region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']
  return {
    pathStyle: endpoint !== undefined,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  }
}
