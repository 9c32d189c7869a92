// Every connector in one entry: its part of the resources people write, and its code, loaded only when a job
// needs it. The DataSource and SyncJob schemas, the CRDs and their reference are assembled from here.
import type { z } from 'zod'
import type { Connector } from './connector.ts'
import { hudiSpec, hudiTableOptions } from './hudi/spec.ts'
import { kafkaSpec } from './kafka/spec.ts'
import { postgresSpec } from './postgres/spec.ts'

export type ConnectorRole = 'source' | 'target'

export interface ConnectorEntry {
  /** The connector's sub-object of a DataSource. */
  spec: z.ZodType
  /** The connector's sub-object of `tables[].target` in a SyncJob, for targets that have options per table. */
  tableOptions?: z.ZodType
  /** What a DataSource of this type can be in a SyncJob. */
  roles: readonly ConnectorRole[]
  load(): Promise<Connector<never>>
}

export const connectors: Readonly<Record<string, ConnectorEntry>> = {
  hudi: {
    spec: hudiSpec,
    tableOptions: hudiTableOptions,
    roles: ['target'],
    load: async () => (await import('./hudi/connector.ts')).hudi as Connector<never>,
  },
  kafka: {
    spec: kafkaSpec,
    roles: ['source'],
    load: async () => (await import('./kafka/connector.ts')).kafka as Connector<never>,
  },
  postgres: {
    spec: postgresSpec,
    roles: ['source'],
    load: async () => (await import('./postgres/connector.ts')).postgres as Connector<never>,
  },
}
