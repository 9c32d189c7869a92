// What a change of the source's schema does to the table, by policy. Pure: the caller journals the result.
// Columns are only ever added or widened: a column the source dropped stays and is null from then on.
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { typeName, typesEqual } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { withoutOwnColumns } from './columns.ts'

/**
 * evolve: adds columns, widens types. additive: adds columns. ignore: neither, new columns are not written.
 * fail: refuses any difference.
 */
export type EvolutionPolicy = 'evolve' | 'additive' | 'ignore' | 'fail'

export interface SchemaChange {
  table: string
  /** The table's schema as stored. */
  stored: TableSchema
  /** The source's schema, names already as in the table (columns.ts). */
  wanted: TableSchema
  policy: EvolutionPolicy
}

/** The schema the table must get, or null when it can take the rows as it is. @throws ConfigError SCHEMA_CHANGE_REFUSED */
export function evolvedSchema(change: SchemaChange): TableSchema | null {
  const { stored, wanted, policy } = change
  const columns = [...stored.columns]
  let changed = false
  for (const column of wanted.columns) {
    const index = columns.findIndex(known => known.name.toLowerCase() === column.name.toLowerCase())
    const known = columns[index]
    if (known === undefined) {
      if (policy === 'fail') throw refused(change, `column ${column.name} (${typeName(column.type)}) is new`)
      if (policy === 'ignore') continue
      columns.push({ ...column, nullable: true })
      changed = true
    } else if (!fitsInto(column.type, known.type)) {
      checkWidening(change, known, column)
      columns[index] = { ...known, type: column.type }
      changed = true
    }
  }
  if (policy === 'fail') checkNothingDropped(change)
  return changed ? { columns, key: stored.key } : null
}

function checkWidening(change: SchemaChange, known: Column, column: Column): void {
  const step = `column ${column.name} changed from ${typeName(known.type)} to ${typeName(column.type)}`
  if (!fitsInto(known.type, column.type)) throw refused(change, `${step}, which the table cannot follow`)
  // The text of a key chooses its bucket, and 5 is not the text of 5.0.
  if (change.stored.key.includes(known.name) && column.type.kind === 'float64')
    throw refused(change, `${step}, and it is part of the key`)
  if (change.policy !== 'evolve') throw refused(change, step)
}

function checkNothingDropped(change: SchemaChange): void {
  const wanted = new Set(change.wanted.columns.map(column => column.name))
  const gone = withoutOwnColumns(change.stored).columns.find(column => !wanted.has(column.name))
  if (gone) throw refused(change, `column ${gone.name} (${typeName(gone.type)}) is gone`)
}

/**
 * Whether every value of one type is a value of the other: the same type, or a widening that Spark and hudi-rs
 * were seen to follow exactly, in base files and in log blocks. float32 to float64 is none: they convert by way of
 * the decimal text (0.1 stays 0.1), databases bit by bit.
 */
export function fitsInto(from: ColumnType, to: ColumnType): boolean {
  if (typesEqual(from, to)) return true
  if (from.kind === 'int32') return to.kind === 'int64' || to.kind === 'float64'
  return (
    from.kind === 'decimal' &&
    to.kind === 'decimal' &&
    from.scale === to.scale &&
    from.precision < to.precision
  )
}

function refused(change: SchemaChange, what: string): ConfigError {
  return new ConfigError(`${change.table}: ${what}; schemaEvolution is \`${change.policy}\``, {
    code: 'SCHEMA_CHANGE_REFUSED',
    context: { table: change.table, policy: change.policy },
  })
}
