// What a table of ours was made as, as it is stored: `.hoodie/.sluice/table.json`, written once.
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'
import { definitionPath } from '#lake/journal/table-guard.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TableDefinition } from './definition.ts'

export interface StoredDefinition {
  createdAt: InstantTime
  definition: TableDefinition
}

/** Null when there is no table, or another engine's. @throws DataError LAKE_FILE_CORRUPT */
export async function readStoredDefinition(store: ObjectStore): Promise<StoredDefinition | null> {
  const bytes = await store.get(definitionPath)
  if (bytes === null) return null
  const context: ErrorContext = { table: store.url, path: definitionPath }
  try {
    const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredDefinition
    if (!Array.isArray(stored.definition.schema.columns)) throw new TypeError('it has no columns')
    return stored
  } catch (cause) {
    throw new DataError(`${definitionPath} of ${store.url} is damaged`, {
      code: 'LAKE_FILE_CORRUPT',
      context,
      cause,
    })
  }
}
