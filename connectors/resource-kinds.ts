// The kinds people write, with the parts that the connectors bring.
import { dataSourceKind, type DataSourceSpec, type DataSourceStatus } from '#api/data-source.ts'
import type { ResourceKind } from '#api/resource.ts'
import { syncJobKind, type SyncJobSpec, type SyncJobStatus } from '#api/sync-job.ts'
import { virtualTableKind } from '#api/virtual-table.ts'
import { connectors } from './registry.ts'

const entries = Object.entries(connectors)

export const dataSource: ResourceKind<DataSourceSpec, DataSourceStatus> = dataSourceKind(
  Object.fromEntries(entries.map(([type, { spec }]) => [type, spec])),
  entries.flatMap(([type, { countsConnections }]) => (countsConnections === true ? [type] : [])),
)

export const syncJob: ResourceKind<SyncJobSpec, SyncJobStatus> = syncJobKind(
  Object.fromEntries(
    entries.flatMap(([type, { tableOptions }]) => (tableOptions === undefined ? [] : [[type, tableOptions]])),
  ),
)

export const virtualTable = virtualTableKind

export const resourceKinds: readonly ResourceKind[] = [dataSource, syncJob, virtualTable]
