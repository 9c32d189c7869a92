// What a source's columns are called and how they are typed in the table. Hudi's schema is Avro, whose names
// are [A-Za-z_][A-Za-z0-9_]*, and Spark does not tell `a` from `A`; names that cannot live there are changed
// by one fixed rule or refused. Every column is nullable in the table, since a source may drop it later.
import type { Column, ColumnType, StructField, TableSchema } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { avroName } from '#lake/avro/schema.ts'

/** Orders the changes of a key for ever: the table's ordering field. Never null. */
export const sequenceColumn = '_sluice_seq'
/** What a row of a table without a key stands for: insert, update, delete or truncate. Null: insert. */
export const operationColumn = '_sluice_op'

/** Says that a row of a log is a delete, in tables that have no delete blocks (definition.ts#marksDeletes). */
export const deletedColumn = '_hoodie_is_deleted'
const ownColumns: ReadonlySet<string> = new Set([sequenceColumn, operationColumn, deletedColumn])

/** The schema with the names and nullability it has in the table. @throws ConfigError COLUMN_NAME_UNSUPPORTED */
export function tableColumns(table: string, schema: TableSchema): TableSchema {
  const columns = tableFields(table, schema.columns)
  for (const { name, sourceName = name } of columns) {
    const folded = name.toLowerCase()
    if (folded.startsWith('_hoodie_') || folded === sequenceColumn || folded === operationColumn)
      throw refused(table, `Column ${sourceName} has a name that the table keeps for itself`)
  }
  return { columns: columns.map(column => ({ ...column, nullable: true })), key: schema.key.map(avroName) }
}

/** Columns or fields of a struct, and the fields below them, with the names they have in the table. */
function tableFields(table: string, fields: readonly StructField[]): StructField[] {
  const sources = new Map<string, string>()
  return fields.map(field => {
    const name = avroName(field.name)
    const twin = sources.get(name.toLowerCase())
    if (twin !== undefined)
      throw refused(
        table,
        `Columns ${twin} and ${field.name} would have the same name in the table (${name})`,
      )
    sources.set(name.toLowerCase(), field.name)
    const { sourceName = field.name } = field
    return { name, type: tableType(table, field.type), ...(sourceName === name ? {} : { sourceName }) }
  })
}

function tableType(table: string, type: ColumnType): ColumnType {
  if (type.kind === 'struct') return { kind: 'struct', fields: tableFields(table, type.fields) }
  if (type.kind === 'list') return { kind: 'list', element: tableType(table, type.element) }
  return type.kind === 'map' ? { kind: 'map', value: tableType(table, type.value) } : type
}

function refused(table: string, message: string): ConfigError {
  return new ConfigError(`${table}: ${message}`, { code: 'COLUMN_NAME_UNSUPPORTED', context: { table } })
}

/** The columns of a stored schema that come from the source. */
export function withoutOwnColumns(schema: TableSchema): TableSchema {
  return { columns: schema.columns.filter(({ name }) => !ownColumns.has(name)), key: schema.key }
}

/** The stored schema of a new table. */
export function withOwnColumns(
  schema: TableSchema,
  { marksDeletes }: { marksDeletes: boolean } = { marksDeletes: false },
): TableSchema {
  const own: Column[] = [{ name: sequenceColumn, type: { kind: 'int64' }, nullable: true }]
  if (marksDeletes) own.push({ name: deletedColumn, type: { kind: 'boolean' }, nullable: true })
  return { columns: [...schema.columns, ...own], key: schema.key }
}
