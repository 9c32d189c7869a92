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
    if (!legalName.test(name))
      throw new ConfigError(`Column "${name}" of ${tableName} cannot be named so in the lake`, {
        code: 'COLUMN_NAME_UNSUPPORTED',
        context: { table: tableName, column: name },
      })
    const namespace = `${record.namespace}.${record.name}.${name}`
    fields.push({ name, type: ['null', avroTypeOf(type, namespace)], default: null })
  }
  return { type: 'record', ...record, fields }
}

/** `namespace` keeps the names of fixed types apart: two decimals of one record may differ in width. */
function avroTypeOf(type: ColumnType, namespace: string): AvroType {
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
      return { type: 'array', items: ['null', avroTypeOf(type.element, namespace)] }
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

/** The column type that holds every value of an Avro type exactly, or null. */
export function columnTypeOf(node: AvroNode): ColumnType | null {
  if (node.logicalType === 'decimal') return decimalOf(node)
  if (node.kind === 'array') {
    const item = optionalOf(node.children![0]!)
    const element = item && columnTypeOf(item)
    return element && { kind: 'list', element }
  }
  const kind = kinds[`${node.kind}${node.logicalType === undefined ? '' : ` ${node.logicalType}`}`]
  return kind === undefined ? null : { kind }
}

/** Avro type and logical type -> column type. Local times are absent: they are no points in time. */
const kinds: Readonly<Record<string, Exclude<ColumnType['kind'], 'decimal' | 'list'>>> = {
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
