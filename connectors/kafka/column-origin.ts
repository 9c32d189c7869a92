// Where each column of a topic's table comes from: the `from` of its VirtualTable column, or the member of the
// value that has the column's name.
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import type { Column } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'

export type ColumnOrigin =
  /** The record's value as JSON: the member at the path, the whole document for the empty path. */
  | { kind: 'value'; path: readonly string[] }
  /** A member of the record's key as JSON. */
  | { kind: 'keyMember'; path: readonly string[] }
  /** The record's key as it is. */
  | { kind: 'key' }
  | { kind: 'header'; name: string }
  | { kind: 'offset' }
  | { kind: 'partition' }
  | { kind: 'timestamp' }

/** @throws ConfigError SPEC_INVALID when a column cannot hold what it comes from */
export function columnOrigins(
  columns: readonly Column[],
  declared: VirtualTableSpec | undefined,
): readonly ColumnOrigin[] {
  const from = new Map((declared?.columns ?? []).map(column => [column.name, column.from]))
  return columns.map(column => {
    const written = from.get(column.name)
    const origin: ColumnOrigin =
      written === undefined ? { kind: 'value', path: [column.name] } : parseOrigin(written)
    checkType(column, origin)
    return origin
  })
}

function parseOrigin(from: string): ColumnOrigin {
  const dot = from.indexOf('.')
  const root = dot < 0 ? from : from.slice(0, dot)
  const rest = dot < 0 ? '' : from.slice(dot + 1)
  switch (root) {
    case 'value':
      return { kind: 'value', path: rest === '' ? [] : rest.split('.') }
    case 'key':
      return rest === '' ? { kind: 'key' } : { kind: 'keyMember', path: rest.split('.') }
    case 'header':
      if (rest === '') break
      return { kind: 'header', name: rest }
    case 'offset':
    case 'partition':
    case 'timestamp':
      if (rest !== '') break
      return { kind: root }
  }
  throw new ConfigError(`A column cannot come from "${from}"`, {
    code: 'SPEC_INVALID',
    context: { from },
  })
}

const typesOf: Partial<Record<ColumnOrigin['kind'], readonly string[]>> = {
  offset: ['int64'],
  partition: ['int32', 'int64'],
  timestamp: ['timestamp'],
}

function checkType(column: Column, origin: ColumnOrigin): void {
  const allowed = typesOf[origin.kind]
  if (allowed === undefined || allowed.includes(column.type.kind)) return
  throw new ConfigError(`Column ${column.name} comes from ${origin.kind}: use ${allowed.join(' or ')}`, {
    code: 'SPEC_INVALID',
    context: { column: column.name },
  })
}
