// Where a test's lake lies: a folder, or a bucket of a real S3 server; and the YAML that says so.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { S3Access } from '#test/bed/hudi-readers.ts'
import { startMinio } from '#test/bed/minio.ts'

export interface TestLake {
  /** The DataSource `lake`, and the Secret it refers to. */
  yaml: string
  /** The url of a table as the readers want it, and how they get in. */
  table(name: string): { url: string; s3?: S3Access }
  stop(): Promise<void>
}

export async function folderLake(): Promise<TestLake> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-lake-'))
  return {
    yaml: dataSource(`url: "file://${folder}"`),
    table: name => ({ url: join(folder, name) }),
    stop: () => rm(folder, { recursive: true, force: true }),
  }
}

export async function s3Lake(): Promise<TestLake> {
  const minio = await startMinio()
  await minio.createBucket('lake')
  const { endpoint, accessKey, secretKey, region } = minio
  const yaml = `${dataSource(`url: s3://lake/ods
    s3:
      endpoint: ${endpoint}
      region: ${region}
      pathStyle: true
      accessKeyId: {secretKeyRef: {name: lake, key: id}}
      secretAccessKey: {secretKeyRef: {name: lake, key: secret}}`)}---
apiVersion: v1
kind: Secret
metadata: {name: lake}
stringData: {id: ${accessKey}, secret: ${secretKey}}
`
  return {
    yaml,
    table: name => ({ url: `s3://lake/ods/${name}`, s3: { endpoint, accessKey, secretKey, region } }),
    stop: () => minio.stop(),
  }
}

function dataSource(hudi: string): string {
  return `---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec:
  type: hudi
  hudi:
    ${hudi}
`
}
