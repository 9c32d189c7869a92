// What the log must tell of old rows for a table to be streamed.
// https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY
import { ConfigError } from '#common/errors.ts'
import type { SourceTable } from '../connector.ts'
import type { RelationColumn } from './relation.ts'
import type { JobTable } from './snapshots.ts'

/**
 * @throws ConfigError PG_REPLICA_IDENTITY naming every table whose updates and deletes could not be told. To
 * publish such a table would make updates fail at the source.
 */
export function requireStreamable(tables: readonly JobTable[]): void {
  const reasons = tables.flatMap(table => {
    const reason = obstacle(table)
    return reason === null ? [] : [`${table.source.name} ${reason}`]
  })
  if (reasons.length === 0) return
  throw new ConfigError(`Not every change could be streamed: ${reasons.join('; ')}`, {
    code: 'PG_REPLICA_IDENTITY',
    context: { tables: reasons.length },
  })
}

function obstacle({ source, relation }: JobTable): string | null {
  if (relation.identity === 'nothing') return 'has neither a primary key nor a replica identity'
  if (relation.identity === 'full') return null
  const untold = source.schema.key.filter(column => !relation.key.includes(column))
  if (source.schema.key.length === 0)
    return 'is to be read without its key, which takes REPLICA IDENTITY FULL'
  return untold.length === 0
    ? null
    : `is to have the key ${source.schema.key.join(', ')}, of which deletes do not tell ${untold.join(', ')}`
}

/** @throws ConfigError SCHEMA_CHANGE_REFUSED when a table lost a column that its rows are known by */
export function requireKey(table: SourceTable, columns: readonly RelationColumn[]): void {
  const gone = table.schema.key.filter(key => !columns.some(({ name }) => name === key))
  if (gone.length === 0) return
  throw new ConfigError(`${table.name} has lost ${gone.join(', ')}, part of its key`, {
    code: 'SCHEMA_CHANGE_REFUSED',
    context: { table: table.name, columns: gone.join(', ') },
  })
}
