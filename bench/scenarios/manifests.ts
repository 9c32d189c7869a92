// The YAML the scenarios run.
import type { PostgresServer } from '#scripts/embedded-postgres.ts'

export interface JobShape {
  lanes: number
  freshness: string
  /** The entry of `tables`. */
  table: string
}

export function kafkaJob(
  brokers: readonly string[],
  lake: string,
  { lanes, freshness, table }: JobShape,
  virtualTable: string,
): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: source}
spec: {type: kafka, kafka: {brokers: [${brokers.map(broker => `"${broker}"`).join(', ')}], commitOffsets: false}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: table}
spec: ${virtualTable}
${lakeAndJob(lake, { lanes, freshness, table })}`
}

export function postgresJob(server: PostgresServer, lake: string, shape: JobShape): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: source}
spec:
  type: postgres
  postgres:
    host: ${server.host}
    port: ${server.port}
    database: ${server.database}
    user: {value: ${server.user}}
    password: {value: ${server.password}}
    tls: {mode: disable}
${lakeAndJob(lake, shape)}`
}

function lakeAndJob(lake: string, { lanes, freshness, table }: JobShape): string {
  return `---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec: {type: hudi, hudi: {url: "file://${lake}"}}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: bench}
spec:
  source: {name: source}
  target: {name: lake}
  tables: [${table}]
  freshness: ${freshness}
  worker: {lanes: ${lanes}}
`
}
