/**
 * A PostgreSQL server for tests: the embedded one (PostgreSQL 18), or Debian's PostgreSQL 15.
 * Nothing is synced to disk: what a test kills comes back from the page cache, as after the crash of a process.
 */
import {
  startEmbeddedPostgres,
  type PostgresServer,
  type PostgresSettings,
} from '#scripts/embedded-postgres.ts'

import { DEBIAN_POSTGRES_BIN_DIR } from './cache.ts'

export interface BedPostgresOptions {
  readonly version?: 'embedded' | '15'
  readonly walLevel?: 'logical' | 'replica'
  readonly settings?: PostgresSettings
  /** The address to listen on; loopback unless given. Pods reach only the node's address. */
  readonly host?: string
  /** Keeps the cluster here, also after `stop()`. */
  readonly dir?: string
}

export function startPostgres(options: BedPostgresOptions = {}): Promise<PostgresServer> {
  return startEmbeddedPostgres({
    ...(options.version === '15' && { binDir: DEBIAN_POSTGRES_BIN_DIR }),
    ...(options.host !== undefined && { host: options.host }),
    ...(options.dir !== undefined && { dir: options.dir }),
    settings: { wal_level: options.walLevel ?? 'logical', fsync: 'off', ...options.settings },
  })
}
