// Looks for damage in all of a table: every commit on the timeline, every file these wrote that a snapshot needs, every
// row of the newest slices, every entry of the journal. Reads as much as a snapshot of all columns does; nothing is
// written. What only time travel needs is not looked for: whether it is gone or was cleaned nobody can tell.
import type { SyncError } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'
import { metaFields } from '#lake/avro/schema.ts'
import { decodeEntry, entrySeq, journalFolder } from '#lake/journal/entry.ts'
import { getSchema } from '#lake/journal/schema-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { isDamage, missingFile } from './damage.ts'
import type { DataFile } from './data-file.ts'
import { parseDataFile } from './data-file.ts'
import type { FileSlice } from './file-slice.ts'
import { TableReader } from './table-reader.ts'

export interface TableCheck {
  fileGroups: number
  /** Of the file groups that are whole. */
  rows: number
  commits: number
  journalEntries: number
  damage: readonly SyncError[]
}

/** @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED; DataError when not even the table can be opened */
export async function checkTable(store: ObjectStore): Promise<TableCheck> {
  const reader = await TableReader.open(store)
  const damage: SyncError[] = []
  const commits = await readCommits(reader, store, damage)
  const missing = missingFiles(reader, commits)
  for (const path of missing) damage.push(missingFile(store, path))
  for (const { path, was, is } of shortFiles(reader, commits))
    damage.push(
      new DataError(`The file ${path} has ${is} bytes, and its commit wrote ${was}`, {
        code: 'LAKE_FILE_CORRUPT',
        context: { table: store.url, path },
      }),
    )
  const columns = [...metaFields, ...reader.schema.columns.map(({ name }) => name)]
  let rows = 0
  for await (const batch of reader.read({ columns, onDamage: ({ error }) => damage.push(error) }))
    rows += batch.rows
  return {
    fileGroups: reader.slices.length,
    rows,
    commits: reader.commits.length,
    journalEntries: await checkJournal(store, damage),
    damage: withoutTwins(damage),
  }
}

async function readCommits(
  reader: TableReader,
  store: ObjectStore,
  damage: SyncError[],
): Promise<CommitMetadata[]> {
  const commits: CommitMetadata[] = []
  for (const { path } of reader.commits) {
    try {
      const bytes = await store.get(path)
      // Java engines take an empty file for a commit of nothing.
      if (bytes !== null && bytes.length > 0)
        commits.push(decodeCommitMetadata(bytes, { table: store.url, path }))
    } catch (error) {
      if (!isDamage(error)) throw error
      damage.push(error)
    }
  }
  return commits
}

/** Files of the newest slices that commits wrote and that are not there. */
function missingFiles(reader: TableReader, commits: readonly CommitMetadata[]): string[] {
  const present = new Set(reader.files.map(({ path }) => path))
  const files = new Map(reader.files.map(file => [file.path, file]))
  for (const file of commits.flatMap(writtenFiles)) if (!files.has(file.path)) files.set(file.path, file)
  const found = new Map(reader.slices.map(slice => [groupOf(slice), slice]))
  return reader
    .slicesOf(files.values())
    .flatMap(slice => {
      // A slice that was cleaned is older than a base file there is.
      const newest = found.get(groupOf(slice))?.base
      if (newest && newest.instant > slice.baseInstant) return []
      return slice.base === null ? slice.logs : [slice.base, ...slice.logs]
    })
    .flatMap(({ path }) => (present.has(path) ? [] : [path]))
}

function shortFiles(
  reader: TableReader,
  commits: readonly CommitMetadata[],
): { path: string; was: number; is: number }[] {
  const written = new Map(commits.flatMap(writtenFiles).map(file => [file.path, file.sizeBytes]))
  const read = reader.slices.flatMap(({ base, logs }) => [...(base === null ? [] : [base]), ...logs])
  return read.flatMap(({ path, sizeBytes: is }) => {
    const was = written.get(path) ?? 0
    return is < was ? [{ path, was, is }] : []
  })
}

function writtenFiles({ partitionToWriteStats }: CommitMetadata): DataFile[] {
  return Object.values(partitionToWriteStats)
    .flat()
    .flatMap(({ path, fileSizeInBytes }) => parseDataFile({ path, sizeBytes: fileSizeInBytes }) ?? [])
}

function groupOf({ partitionPath, fileId }: FileSlice): string {
  return fileGroupKey(partitionPath, fileId)
}

/** Returns how many entries there are. */
async function checkJournal(store: ObjectStore, damage: SyncError[]): Promise<number> {
  const schemas = new Set<string>()
  let entries = 0
  for await (const { path } of store.list(journalFolder)) {
    const seq = entrySeq(path)
    const bytes = seq === null ? null : await store.get(path)
    if (seq === null || bytes === null) continue
    entries++
    try {
      const { schemaId } = decodeEntry(bytes, seq).entry
      if (!schemas.has(schemaId)) await getSchema(store, schemaId)
      schemas.add(schemaId)
    } catch (error) {
      if (!isDamage(error)) throw error
      damage.push(error)
    }
  }
  return entries
}

/** A file that is short is unreadable as well: once is enough. */
function withoutTwins(damage: readonly SyncError[]): SyncError[] {
  const seen = new Set<unknown>()
  return damage.filter(({ context, message }) => {
    const name = context['path'] ?? message
    return !seen.has(name) && seen.add(name) !== undefined
  })
}
