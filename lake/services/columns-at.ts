// The columns of a table as of a commit. Files made later for a state of the past are encoded with them, since a reader
// of that time reads all files by them.
import type { TableSchema } from '#catalog/types.ts'
import { tableSchemaOf } from '#lake/avro/schema.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'

/** Null when the commit does not say. */
export function columnsAt({ extraMetadata }: CommitMetadata): TableSchema | null {
  const text = extraMetadata['schema']
  return text ? tableSchemaOf(JSON.parse(text)).schema : null
}
