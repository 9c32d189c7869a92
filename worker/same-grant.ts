// Whether a lane already works on just what it would be granted.
import type { Grant, GrantedTable } from './lane-protocol.ts'
import type { Split } from '#connectors/connector.ts'

/**
 * Ranges the lane has finished meanwhile are not listed any more and do not count. What is read of a table does: a
 * topic that has got a column must be read with it.
 */
export function sameGrant(held: Grant, wanted: Grant, listed: ReadonlySet<string>): boolean {
  const open = held.splits.filter(split => !split.bounded || listed.has(split.id))
  const names = new Set(open.flatMap(split => split.tables))
  const tables = held.tables.filter(table => names.has(table.source.name))
  return text(open, tables) === text(wanted.splits, wanted.tables)
}

function text(splits: readonly Split[], tables: readonly GrantedTable[]): string {
  return JSON.stringify([byText(splits), byText(tables.map(({ source }) => source))])
}

function byText(list: readonly unknown[]): string[] {
  return list.map(one => JSON.stringify(one)).toSorted()
}
