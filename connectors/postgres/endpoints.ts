import type { Endpoint } from '../endpoint.ts'
import type { PostgresSpec } from './spec.ts'

/** None for a socket in a folder. */
export function postgresEndpoints({ host, port }: PostgresSpec): Endpoint[] {
  return host.startsWith('/') ? [] : [{ host, port }]
}
