// File groups with logs that hold a column narrower than the table has it by now. They are compacted whatever the policy
// says: hudi-rs 0.5 reads logs with fewer columns than the table, and logs with narrower ones, but none with both.
import type { TableSchema } from '#catalog/types.ts'
import { typesEqual } from '#catalog/types.ts'
import { tableSchemaOf } from '#lake/avro/schema.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface WidenedQuery {
  store: ObjectStore
  timeline: TimelineView
  /** The table's columns now. */
  schema: TableSchema
}

/** Those of the slices. One request for each commit that wrote the oldest log of any. */
export async function slicesBeforeWidening(
  slices: readonly FileSlice[],
  { store, timeline, schema }: WidenedQuery,
): Promise<FileSlice[]> {
  const narrower = new Map<InstantTime, Promise<boolean>>()
  const found: FileSlice[] = []
  for (const slice of slices) {
    const oldest = oldestCommit(slice, timeline)
    if (oldest === undefined) continue
    let isNarrower = narrower.get(oldest.instant)
    if (isNarrower === undefined)
      narrower.set(oldest.instant, (isNarrower = wroteNarrower(store, oldest.path, schema)))
    if (await isNarrower) found.push(slice)
  }
  return found
}

/** The commit of the oldest log; undefined without logs, or when the timeline no longer has it. */
function oldestCommit({ logs, baseInstant }: FileSlice, { layout, completed }: TimelineView) {
  const log = logs[0]
  if (log === undefined) return undefined
  // Logs of layout 1 are named by their slice: the first one after it at the earliest.
  return layout === 1
    ? completed.find(({ instant, action }) => instant > baseInstant && action === 'deltacommit')
    : completed.find(({ instant }) => instant === log.instant)
}

async function wroteNarrower(store: ObjectStore, path: string, schema: TableSchema): Promise<boolean> {
  const bytes = await store.get(path)
  const written = bytes && decodeCommitMetadata(bytes, { table: store.url, path }).extraMetadata['schema']
  if (!written) return false
  const types = new Map(
    tableSchemaOf(JSON.parse(written)).schema.columns.map(({ name, type }) => [name, type]),
  )
  return schema.columns.some(({ name, type }) => {
    const then = types.get(name)
    return then !== undefined && !typesEqual(then, type)
  })
}
