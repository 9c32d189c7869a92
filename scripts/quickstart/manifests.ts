// The resources of the quick start, in the words that `kubectl apply` takes.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresServer } from '../embedded-postgres.ts'

/** Writes datasource.yaml and syncjob.yaml; returns their paths. */
export async function writeManifests(folder: string, shop: PostgresServer, lake: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const files = { 'datasource.yaml': dataSources(shop, lake), 'syncjob.yaml': syncJob }
  const paths: string[] = []
  for (const [name, text] of Object.entries(files)) {
    paths.push(join(folder, name))
    await writeFile(join(folder, name), text)
  }
  return paths
}

const dataSources = (
  shop: PostgresServer,
  lake: string,
): string => `# Where the tables are, and where they are kept in step.
apiVersion: v1
kind: Secret
metadata: {name: shop-db}
stringData: {user: ${shop.user}, password: ${shop.password}}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: shop-db}
spec:
  type: postgres
  postgres:
    host: ${shop.host}
    port: ${shop.port}
    database: ${shop.database}
    user: {secretKeyRef: {name: shop-db, key: user}}
    password: {secretKeyRef: {name: shop-db, key: password}}
    tls: {mode: disable}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec:
  type: hudi
  hudi: {url: "file://${lake}"}
`

const syncJob = `# Keep every table of the shop in step with the lake.
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: shop-to-lake}
spec:
  source: {name: shop-db}
  target: {name: lake}
  tables: [{include: "public.*"}]
  freshness: 2s
`
