// Takes all rows out of a table without a key, in the same step of the journal as the moves of its splits: a replace commit
// that retires every file group and brings none. Readers see all rows until it is done, and none after; earlier states stay
// readable as long as others do. Files that are committed meanwhile move a split, so then this step is refused, and made again.
import type { OpenedTable } from './opened-table.ts'
import { layoutOf } from './definition.ts'
import { fileGroupKey } from './names.ts'
import { advanceStep } from './pending-commit.ts'
import { TableFiles } from './table-files.ts'
import type { PositionMove } from '#catalog/position.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'

/** Why the rows of this table cannot be taken out; null: they can. */
export function startOverRefusal({
  definition,
  dropDuplicates,
}: Pick<OpenedTable, 'definition' | 'dropDuplicates'>): string | null {
  if (definition.kind !== 'append') return 'it has a key'
  if (layoutOf(definition.version) === 1) return 'it has version 6, in which retired files are never removed'
  if (dropDuplicates !== null)
    return 'it drops duplicates, and rows that are read again would be taken for such'
  return null
}

/**
 * @throws ConflictError COMMIT_CONFLICT when files were rewritten meanwhile: refresh, and do it again
 * @throws FencedError WRITER_FENCED when a split does not stand where its move starts
 */
export async function startOver(
  { store, definition, journal }: Pick<OpenedTable, 'store' | 'definition' | 'journal'>,
  moves: readonly PositionMove[],
): Promise<void> {
  // Before the files are listed, so that whatever is done to them since clashes.
  const { state } = journal
  const instant = await journal.nextInstant()
  const { slices } = await TableFiles.load(store, layoutOf(definition.version))
  const groups = [...slices]
  if (groups.length === 0) {
    await journal.commit(advanceStep(state, moves))
    return
  }
  const partitionToReplaceFileIds: Record<string, string[]> = {}
  for (const { partitionPath, fileId } of groups)
    (partitionToReplaceFileIds[partitionPath] ??= []).push(fileId)
  const avroSchema = avroSchemaOf(definition.name, state.schema, { metaFields: false })
  await journal.commit({
    kind: 'replace',
    instant,
    action: 'replacecommit',
    metadata: {
      partitionToWriteStats: {},
      compacted: false,
      extraMetadata: { schema: JSON.stringify(avroSchema) },
      operationType: 'INSERT_OVERWRITE_TABLE',
      partitionToReplaceFileIds,
    },
    moves,
    fileGroups: { replaced: groups.map(({ partitionPath, fileId }) => fileGroupKey(partitionPath, fileId)) },
    stagedAt: state.seq,
    schemaVersion: state.schemaVersion,
  })
}
