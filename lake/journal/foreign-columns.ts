// The columns another engine left the table with. Were our next commit to name fewer, readers would no longer show
// them, and the next compaction would drop their values for good.
import type { ForeignCommit } from './foreign-commit.ts'
import type { TableSchema } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { tableSchemaOf } from '#lake/avro/schema.ts'
import { evolvedSchema } from '#lake/table/evolve.ts'

/**
 * The schema the table must get to hold what the commit wrote, or null when it can.
 * @throws ConfigError LAKE_TYPE_UNSUPPORTED, SCHEMA_CHANGE_REFUSED when it cannot get one
 */
export function foreignColumns(
  stored: TableSchema,
  commit: ForeignCommit | null,
  table: string,
): TableSchema | null {
  if (commit === null || commit.schema === null) return null
  const { schema, unsupported } = tableSchemaOf(JSON.parse(commit.schema))
  if (unsupported[0] !== undefined)
    throw new ConfigError(
      `Another engine gave ${table} the column ${unsupported[0].name} of type ${unsupported[0].type}`,
      { code: 'LAKE_TYPE_UNSUPPORTED', context: { table, column: unsupported[0].name } },
    )
  return evolvedSchema({ table, stored, wanted: schema, policy: 'evolve' })
}
