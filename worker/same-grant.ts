// Whether a lane already works on just what it would be granted.
import type { Grant, GrantedTable } from './lane-protocol.ts'
import type { Split } from '#connectors/connector.ts'

/**
 * Ranges the lane has finished meanwhile are not listed any more and do not count. A column that a table has got does:
 * who samples a topic learns of it, who reads it does not. Other changes of a schema come with the rows.
 */
export function sameGrant(held: Grant, wanted: Grant, listed: ReadonlySet<string>): boolean {
  const open = held.splits.filter(split => !split.bounded || listed.has(split.id))
  return text(open) === text(wanted.splits) && !wanted.tables.some(table => hasMore(table, held.tables))
}

function text(splits: readonly Split[]): string {
  return JSON.stringify(splits.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
}

function hasMore({ source }: GrantedTable, held: readonly GrantedTable[]): boolean {
  const known = held.find(table => table.source.name === source.name)?.source.schema.columns ?? []
  return source.schema.columns.some(column => !known.some(({ name }) => name === column.name))
}
