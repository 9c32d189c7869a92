// The lake's table schemas as Avro records, the way Hudi's Spark writer names and types them, and back. Every
// field is a nullable union with default null, so that schemas evolve by adding fields.
import type { AvroNode } from './type-tree.ts'
import { avroTree } from './type-tree.ts'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { decimalWidth } from '#catalog/types.ts'
import { ConfigError, DataError } from '#common/errors.ts'

export type AvroType =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'string'
  | 'bytes'
  | { type: 'int' | 'long'; logicalType: string }
  | {
      type: 'fixed'
      name: string
      namespace: string
      size: number
      logicalType: 'decimal'
      precision: number
      scale: number
    }
  | { type: 'array'; items: ['null', AvroType] }
  | { type: 'map'; values: ['null', AvroType] }
  | AvroRecordSchema

export interface AvroField {
  name: string
  type: ['null', AvroType]
  doc?: string
  default: null
}

export interface AvroRecordSchema {
  type: 'record'
  name: string
  namespace: string
  fields: AvroField[]
}

/** Hudi's own columns, first in every base file and log record, in this order. */
export const metaFields = [
  '_hoodie_commit_time',
  '_hoodie_commit_seqno',
  '_hoodie_record_key',
  '_hoodie_partition_path',
  '_hoodie_file_name',
] as const

const legalName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** A legal Avro name, by Hudi's rule: each character that is not allowed becomes two underscores. */
export function avroName(name: string): string {
  return name.replace(/^[^A-Za-z_]/, '__').replace(/[^A-Za-z0-9_]/g, '__')
}

/**
 * The table's Avro record, with the meta fields first when asked for.
 * @throws ConfigError COLUMN_NAME_UNSUPPORTED for a column that cannot be an Avro field.
 */
export function avroSchemaOf(
  tableName: string,
  schema: TableSchema,
  options: { metaFields: boolean },
): AvroRecordSchema {
  const table = avroName(tableName)
  const record = { name: `${table}_record`, namespace: `hoodie.${table}` }
  const fields: AvroField[] = options.metaFields
    ? metaFields.map(name => ({ name, type: ['null', 'string'], doc: '', default: null }))
    : []
  for (const { name, type } of schema.columns) {
    if (!isLegal(name, type))
      throw new ConfigError(`Column "${name}" of ${tableName} cannot be named so in the lake`, {
        code: 'COLUMN_NAME_UNSUPPORTED',
        context: { table: tableName, column: name },
      })
    fields.push(avroFieldOf(name, type, `${record.namespace}.${record.name}`))
  }
  return { type: 'record', ...record, fields }
}

/** Whether a column, and every field of it, can be an Avro field. */
function isLegal(name: string, type: ColumnType): boolean {
  if (!legalName.test(name)) return false
  if (type.kind === 'struct') return type.fields.every(field => isLegal(field.name, field.type))
  if (type.kind === 'list') return isLegal(name, type.element)
  return type.kind !== 'map' || isLegal(name, type.value)
}

function avroFieldOf(name: string, type: ColumnType, namespace: string): AvroField {
  return { name, type: ['null', avroTypeOf(type, name, namespace)], default: null }
}

/**
 * Records and fixed types are named after their field, in the namespace of the records around it: two structs or two
 * decimals of one table may differ.
 */
function avroTypeOf(type: ColumnType, name: string, outer: string): AvroType {
  const namespace = `${outer}.${name}`
  switch (type.kind) {
    case 'boolean':
    case 'string':
    case 'bytes':
      return type.kind
    case 'int32':
      return 'int'
    case 'int64':
      return 'long'
    case 'float32':
      return 'float'
    case 'float64':
      return 'double'
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros' }
    case 'decimal': {
      const { precision, scale } = type
      const size = decimalWidth(precision)
      return { type: 'fixed', name: 'fixed', namespace, size, logicalType: 'decimal', precision, scale }
    }
    case 'list':
      return { type: 'array', items: ['null', avroTypeOf(type.element, name, outer)] }
    case 'map':
      return { type: 'map', values: ['null', avroTypeOf(type.value, name, outer)] }
    case 'struct': {
      const fields = type.fields.map(field => avroFieldOf(field.name, field.type, namespace))
      return { type: 'record', name, namespace: outer, fields }
    }
  }
}

/** A table's columns as its Avro schema (JSON or its text) gives them. */
export interface TableColumns {
  /** Without meta fields; `key` is empty, an Avro schema does not tell it. */
  schema: TableSchema
  /** Columns left out because their type has no place here: name and Avro type. */
  unsupported: readonly { name: string; type: string }[]
}

/** @throws DataError LAKE_FILE_CORRUPT when the schema is no Avro record. */
export function tableSchemaOf(avro: unknown): TableColumns {
  const columns: Column[] = []
  const unsupported: { name: string; type: string }[] = []
  for (const { name, node } of recordFields(avroTree(avro))) {
    if ((metaFields as readonly string[]).includes(name)) continue
    const value = optionalOf(node)
    const type = value && columnTypeOf(value)
    if (type) columns.push({ name, type, nullable: value !== node })
    else unsupported.push({ name, type: (value ?? node).logicalType ?? (value ?? node).kind })
  }
  return { schema: { columns, key: [] }, unsupported }
}

export function recordFields(tree: AvroNode): NonNullable<AvroNode['fields']> {
  if (tree.kind !== 'record')
    throw new DataError('The Avro schema is not a record', { code: 'LAKE_FILE_CORRUPT' })
  return tree.fields!
}

/** The one type beside null in a union, or the node itself when it is no union; null for other unions. */
export function optionalOf(node: AvroNode): AvroNode | null {
  if (node.kind !== 'union') return node
  const rest = node.children!.filter(branch => branch.kind !== 'null')
  return rest.length === 1 ? rest[0]! : null
}

/**
 * The column type that holds every value of an Avro type exactly, or null.
 * @param around the records the type is a part of: one that holds itself has no column type
 */
export function columnTypeOf(node: AvroNode, around: readonly AvroNode[] = []): ColumnType | null {
  if (node.logicalType === 'decimal') return decimalOf(node)
  if (node.kind === 'record') return around.includes(node) ? null : structOf(node, [...around, node])
  if (node.kind === 'array' || node.kind === 'map') {
    const item = optionalOf(node.children![0]!)
    const type = item && columnTypeOf(item, around)
    return type && (node.kind === 'array' ? { kind: 'list', element: type } : { kind: 'map', value: type })
  }
  const kind = kinds[`${node.kind}${node.logicalType === undefined ? '' : ` ${node.logicalType}`}`]
  return kind === undefined ? null : { kind }
}

function structOf({ fields }: AvroNode, around: readonly AvroNode[]): ColumnType | null {
  const columns = fields!.map(({ name, node }) => {
    const value = optionalOf(node)
    return { name, type: value && columnTypeOf(value, around) }
  })
  const known = columns.flatMap(({ name, type }) => (type === null ? [] : [{ name, type }]))
  return known.length === 0 || known.length < columns.length ? null : { kind: 'struct', fields: known }
}

/** Avro type and logical type -> column type. Local times are absent: they are no points in time. */
const kinds: Readonly<Record<string, Exclude<ColumnType['kind'], 'decimal' | 'list' | 'map' | 'struct'>>> = {
  boolean: 'boolean',
  int: 'int32',
  'int date': 'date',
  long: 'int64',
  'long timestamp-micros': 'timestamp',
  'long timestamp-millis': 'timestamp',
  float: 'float32',
  double: 'float64',
  bytes: 'bytes',
  string: 'string',
  'string uuid': 'string',
  enum: 'string',
  fixed: 'bytes',
}

function decimalOf(node: AvroNode): ColumnType | null {
  const { precision = 0, scale = 0 } = node
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return null
  return { kind: 'decimal', precision, scale }
}
