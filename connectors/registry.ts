// Every connector's part of the resources people write. The DataSource and SyncJob schemas, the CRDs and their
// reference are assembled from here. What carries a plan out needs none of it, only load.ts.
import type { z } from 'zod'
import type { Endpoint } from './endpoint.ts'
import { hudiEndpoints, hudiUsesPodIdentity } from './hudi/endpoints.ts'
import { hudiSpec, hudiTableOptions } from './hudi/spec.ts'
import { kafkaEndpoints } from './kafka/endpoints.ts'
import { kafkaSpec } from './kafka/spec.ts'
import { postgresEndpoints } from './postgres/endpoints.ts'
import { postgresSpec } from './postgres/spec.ts'

export type ConnectorRole = 'source' | 'target'

export interface ConnectorEntry {
  /** The connector's sub-object of a DataSource. */
  spec: z.ZodType
  /** The connector's sub-object of `tables[].target` in a SyncJob, for targets that have options per table. */
  tableOptions?: z.ZodType
  /** The servers behind a DataSource, as far as its sub-object tells. */
  endpoints?: (spec: never) => readonly Endpoint[]
  /** It is given no keys and goes by who the pod is, so another job's pod may not stand in. */
  usesPodIdentity?: (spec: never) => boolean
  /** As a source it can tell whether there is something to read: `unread()` of connector.ts. */
  tellsUnread?: true
  /** Its code asks before every connection (ConnectorContext.connections), so their number can be limited. */
  countsConnections?: boolean
  /** What a DataSource of this type can be in a SyncJob. */
  roles: readonly ConnectorRole[]
}

export const connectors: Readonly<Record<string, ConnectorEntry>> = {
  hudi: {
    spec: hudiSpec,
    tableOptions: hudiTableOptions,
    endpoints: hudiEndpoints,
    usesPodIdentity: hudiUsesPodIdentity,
    roles: ['target'],
  },
  kafka: { spec: kafkaSpec, endpoints: kafkaEndpoints, tellsUnread: true, roles: ['source'] },
  postgres: {
    spec: postgresSpec,
    endpoints: postgresEndpoints,
    tellsUnread: true,
    countsConnections: true,
    roles: ['source'],
  },
}
