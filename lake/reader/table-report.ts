// What a table is and how it stands, for people and dashboards: its columns, files and sizes, how long ago the newest
// commit was, and where the splits of its source stand. Made from listings; no data file is opened.
import type { Column } from '#catalog/types.ts'
import { typeName } from '#catalog/types.ts'
import { readNewestEntry } from '#lake/journal/read-entry.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { parseInstant } from '#lake/timeline/instant.ts'
import type { DataFile } from './data-file.ts'
import type { ServicesReport } from './services-report.ts'
import { reportServices } from './services-report.ts'
import type { TableReader } from './table-reader.ts'

export interface FileTotals {
  files: number
  bytes: number
}

export interface TableReport {
  url: string
  name: string
  type: 'COPY_ON_WRITE' | 'MERGE_ON_READ'
  version: number
  key: readonly string[]
  orderingField: string | null
  partitionFields: readonly string[]
  columns: readonly { name: string; type: string; readable: boolean }[]
  partitions: number
  fileGroups: number
  /** Of the newest slices: what a snapshot reads. */
  base: FileTotals
  log: FileTotals
  /** Base files below Hudi's `hoodie.parquet.small.file.limit`, 100 MiB. */
  smallFiles: number
  /** Older slices, kept for time travel, and what writers have under way. */
  other: FileTotals
  commits: number
  newestCommit: { instant: InstantTime; completionTime: InstantTime; action: string } | null
  /** From the newest commit until now; null without commits, or when the timeline is in an unknown local time. */
  lagMs: number | null
  /** Split -> position; null when the table was made by another tool. */
  positions: Readonly<Record<string, string>> | null
  services: ServicesReport
}

const smallFileBytes = 100 << 20

export async function reportTable(
  reader: TableReader,
  store: ObjectStore,
  nowMs: number,
): Promise<TableReport> {
  const { config, slices, files, commits } = reader
  const bases = slices.flatMap(({ base }) => base ?? [])
  const logs = slices.flatMap(slice => slice.logs)
  const read = new Set([...bases, ...logs])
  const newest = commits.toSorted(byCompletion).at(-1)
  const entry = await readNewestEntry(store)
  return {
    url: store.url,
    name: config.name,
    type: config.mergeOnRead ? 'MERGE_ON_READ' : 'COPY_ON_WRITE',
    version: config.version,
    key: config.keyFields,
    orderingField: config.orderingField,
    partitionFields: config.partitionFields,
    columns: [
      ...reader.schema.columns.map(readableColumn),
      ...reader.unsupported.map(column => ({ ...column, readable: false })),
    ],
    partitions: new Set(slices.map(({ partitionPath }) => partitionPath)).size,
    fileGroups: slices.length,
    base: totals(bases),
    log: totals(logs),
    smallFiles: bases.filter(({ sizeBytes }) => sizeBytes < smallFileBytes).length,
    other: totals(files.filter(file => !read.has(file))),
    commits: commits.length,
    newestCommit: newest
      ? { instant: newest.instant, completionTime: newest.completionTime!, action: newest.action }
      : null,
    lagMs: newest && config.isUtc ? Math.max(0, nowMs - parseInstant(newest.completionTime!)) : null,
    positions: entry?.positions ?? null,
    services: await reportServices(store, config, slices),
  }
}

function byCompletion(
  a: { completionTime: InstantTime | null },
  b: { completionTime: InstantTime | null },
): number {
  return (a.completionTime ?? '') < (b.completionTime ?? '') ? -1 : 1
}

function readableColumn({ name, type }: Column): TableReport['columns'][number] {
  return { name, type: typeName(type), readable: true }
}

function totals(files: readonly DataFile[]): FileTotals {
  return { files: files.length, bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
}
