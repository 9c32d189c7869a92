// Table schemas, kept beside the journal under the hash of their content, so that entries stay small and two
// writers that make the same schema make the same file: `.hoodie/.sluice/schemas/<32 hex digits>.json`.
import { hashBytes } from './entry.ts'
import type { TableSchema } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

function schemaPath(id: string): string {
  return `.hoodie/.sluice/schemas/${id}.json`
}

/** Stores the schema and returns its id. */
export async function putSchema(store: ObjectStore, schema: TableSchema): Promise<string> {
  const bytes = Buffer.from(JSON.stringify({ columns: schema.columns, key: schema.key }))
  const id = hashBytes(bytes).slice(0, 32)
  await store.putIfAbsent(schemaPath(id), bytes)
  return id
}

/** @throws DataError LAKE_FILE_MISSING, LAKE_FILE_CORRUPT */
export async function getSchema(store: ObjectStore, id: string): Promise<TableSchema> {
  const bytes = await store.get(schemaPath(id))
  try {
    // The name is the hash of the content: whatever byte changed is told.
    if (bytes !== null && hashBytes(bytes).slice(0, 32) !== id) throw new RangeError('it is another schema')
    const { columns, key } = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as TableSchema
    return { columns, key }
  } catch (cause) {
    const path = schemaPath(id)
    throw new DataError(`The schema ${path} is ${bytes === null ? 'gone' : 'damaged'}`, {
      code: bytes === null ? 'LAKE_FILE_MISSING' : 'LAKE_FILE_CORRUPT',
      context: { table: store.url, path },
      cause,
    })
  }
}
