// What a change of the source's schema does to the table, by policy. Pure: the caller journals the result.
// Columns, and fields of structs at any depth, are only ever added or widened: one the source dropped stays and is null
// from then on.
import type { Column, ColumnType, StructField, TableSchema } from '#catalog/types.ts'
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
  const columns = evolvedFields(change, '', stored.columns, wanted.columns)
  if (policy === 'fail') checkNothingDropped(change, '', withoutOwnColumns(stored).columns, wanted.columns)
  if (columns === stored.columns) return null
  return { columns: columns.map((column): Column => ({ nullable: true, ...column })), key: stored.key }
}

/**
 * The columns, or the fields of a struct, that the table must get: those it has when it can take the values as they are.
 * @param path of the struct: `column.` or `column.field.`
 */
function evolvedFields(
  change: SchemaChange,
  path: string,
  known: readonly StructField[],
  wanted: readonly StructField[],
): readonly StructField[] {
  const fields = [...known]
  for (const field of wanted) {
    const name = `${path}${field.name}`
    const index = fields.findIndex(({ name: each }) => each.toLowerCase() === field.name.toLowerCase())
    const before = fields[index]
    if (before === undefined) {
      if (change.policy === 'fail') throw refused(change, `column ${name} (${typeName(field.type)}) is new`)
      if (change.policy !== 'ignore') fields.push(field)
    } else {
      const type = evolvedType(change, name, before.type, field.type)
      if (type !== before.type) fields[index] = { ...before, type }
    }
  }
  const same = fields.length === known.length && fields.every((field, at) => field === known[at])
  return same ? known : fields
}

function evolvedType(change: SchemaChange, name: string, known: ColumnType, wanted: ColumnType): ColumnType {
  if (fitsInto(wanted, known)) return known
  if (known.kind === 'struct' && wanted.kind === 'struct') {
    const fields = evolvedFields(change, `${name}.`, known.fields, wanted.fields)
    return fields === known.fields ? known : { kind: 'struct', fields }
  }
  if (known.kind === 'list' && wanted.kind === 'list') {
    const element = evolvedType(change, `${name}.element`, known.element, wanted.element)
    return element === known.element ? known : { kind: 'list', element }
  }
  if (known.kind === 'map' && wanted.kind === 'map') {
    const value = evolvedType(change, `${name}.value`, known.value, wanted.value)
    return value === known.value ? known : { kind: 'map', value }
  }
  checkWidening(change, { name, type: known }, wanted)
  return wanted
}

function checkWidening(change: SchemaChange, { name, type: known }: StructField, wanted: ColumnType): void {
  const step = `column ${name} changed from ${typeName(known)} to ${typeName(wanted)}`
  if (!fitsInto(known, wanted)) throw refused(change, `${step}, which the table cannot follow`)
  // The text of a key chooses its bucket, and 5 is not the text of 5.0.
  if (change.stored.key.includes(name) && wanted.kind === 'float64')
    throw refused(change, `${step}, and it is part of the key`)
  if (change.policy !== 'evolve') throw refused(change, step)
}

function checkNothingDropped(
  change: SchemaChange,
  path: string,
  known: readonly StructField[],
  wanted: readonly StructField[],
): void {
  for (const { name, type } of known) {
    const now = wanted.find(field => field.name === name)?.type
    if (now === undefined) throw refused(change, `column ${path}${name} (${typeName(type)}) is gone`)
    const [before, after] = [structIn(type), structIn(now)]
    if (before && after) checkNothingDropped(change, `${path}${name}.`, before, after)
  }
}

/** The fields of a struct, or of the structs in a list or a map. */
function structIn(type: ColumnType): readonly StructField[] | null {
  if (type.kind === 'list') return structIn(type.element)
  if (type.kind === 'map') return structIn(type.value)
  return type.kind === 'struct' ? type.fields : null
}

/**
 * Whether every value of one type is a value of the other: the same type, a widening that Spark and hudi-rs
 * were seen to follow exactly, in base files and in log blocks, or a struct with all fields of this one and more. float32 to float64 is none: they convert by way of
 * the decimal text (0.1 stays 0.1), databases bit by bit.
 */
export function fitsInto(from: ColumnType, to: ColumnType): boolean {
  if (typesEqual(from, to)) return true
  if (from.kind === 'list') return to.kind === 'list' && fitsInto(from.element, to.element)
  if (from.kind === 'map') return to.kind === 'map' && fitsInto(from.value, to.value)
  if (from.kind === 'struct') return to.kind === 'struct' && fieldsFitInto(from.fields, to.fields)
  if (from.kind === 'int32') return to.kind === 'int64' || to.kind === 'float64'
  return (
    from.kind === 'decimal' &&
    to.kind === 'decimal' &&
    from.scale === to.scale &&
    from.precision < to.precision
  )
}

function fieldsFitInto(from: readonly StructField[], to: readonly StructField[]): boolean {
  return from.every(({ name, type }) => {
    const field = to.find(({ name: other }) => other.toLowerCase() === name.toLowerCase())
    return field !== undefined && fitsInto(type, field.type)
  })
}

function refused(change: SchemaChange, what: string): ConfigError {
  return new ConfigError(`${change.table}: ${what}; schemaEvolution is \`${change.policy}\``, {
    code: 'SCHEMA_CHANGE_REFUSED',
    context: { table: change.table, policy: change.policy },
  })
}
