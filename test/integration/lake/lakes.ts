// Lakes to write to directly, and the comparison of a table with what it must hold by three readers.
import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openStore } from '#lake/storage/open.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { S3Access } from '#test/bed/hudi-readers.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startMinio } from '#test/bed/minio.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import { inOrder } from '#test/lake/table/model.ts'

export const signal = new AbortController().signal

export interface DirectLake {
  store: ObjectStore
  url(table: string): string
  s3?: S3Access
  stop(): Promise<void>
}

export async function folderLake(): Promise<DirectLake> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-lake-'))
  return {
    store: await openStore(`file://${folder}`, { clock: systemClock }),
    url: table => join(folder, table),
    stop: () => rm(folder, { recursive: true, force: true }),
  }
}

export async function bucketLake(): Promise<DirectLake> {
  const minio = await startMinio()
  await minio.createBucket('lake')
  const { endpoint, accessKey, secretKey, region } = minio
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
  const s3 = { endpoint, region, pathStyle: true, credentials }
  const store = await openStore('s3://lake/ods', { clock: systemClock, s3 })
  return {
    store,
    url: table => `s3://lake/ods/${table}`,
    s3: { endpoint, accessKey, secretKey, region },
    stop: async () => {
      await store.close()
      await minio.stop()
    },
  }
}

/** Opens a lake and the readers that judge it before the first test of a suite, and ends both after the last. */
export function withReaders(
  openLake: () => Promise<DirectLake>,
  take: (given: { lake: DirectLake; readers: HudiReaders }) => void,
): void {
  let lake: DirectLake | undefined
  let readers: HudiReaders | undefined
  before(async () => {
    lake = await openLake()
    readers = await HudiReaders.start()
    take({ lake, readers })
  })
  after(async () => {
    await readers?.stop()
    await lake?.stop()
  })
}

export function writerOf(
  lake: DirectLake,
  wanted: Pick<WantedTable, 'name' | 'schema'> & Partial<WantedTable>,
  writer = 'test',
): Promise<TableWriter> {
  const defaults = { estimatedBytes: 0, version: 8, policy: 'evolve' } as const
  const context = { store: lake.store.at(wanted.name), clock: systemClock, writer, signal }
  return openTable({ ...defaults, ...wanted }, context)
}

/** Every reader sees exactly these rows. */
export async function expectRows(
  lake: DirectLake,
  table: string,
  expected: readonly CanonicalRow[],
  readers: HudiReaders,
): Promise<void> {
  const wanted = inOrder(expected).map(canonicalJson)
  const own: CanonicalRow[] = []
  const reader = await TableReader.open(lake.store.at(table))
  for await (const batch of reader.read()) own.push(...canonicalRows(batch))
  expect(inOrder(own).map(canonicalJson), `${table}: own reader`).to.deep.equal(wanted)
  const options = lake.s3 ? { s3: lake.s3 } : {}
  const rust = await readers.readHudiRs(lake.url(table), options)
  expect(inOrder(rust).map(canonicalJson), `${table}: hudi-rs`).to.deep.equal(wanted)
  const spark = await readers.readSpark(lake.url(table), options)
  expect(inOrder(spark).map(canonicalJson), `${table}: Spark`).to.deep.equal(wanted)
}
