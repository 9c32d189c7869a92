// What a file's schema says of its columns, whoever wrote it: our column type, and where the leaf's levels mean
// null, empty or present. Both list forms are known: three levels (`list.element`) and the two of Avro writers
// (a repeated leaf under the group).
// See https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists.
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import type { ColumnType } from '#catalog/types.ts'

/** Definition levels of one list around the leaf. */
export interface ListLevels {
  /** From here on the list is there, be it empty. */
  present: number
  /** From here on it has an element. */
  element: number
}

export interface ReadColumn {
  name: string
  nullable: boolean
  /** Null: the column has a type that is not ours. */
  type: ColumnType | null
  /** The leaf's element, of which the physical type and length matter. */
  leaf: SchemaElement
  path: readonly string[]
  repetitionMax: number
  definitionMax: number
  /** From the outermost list inwards. */
  lists: readonly ListLevels[]
}

export function readColumns(metadata: FileMetaData): ReadColumn[] {
  return parquetSchema(metadata).children.map(readColumn)
}

function readColumn(tree: SchemaTree): ReadColumn {
  const lists: ListLevels[] = []
  let definition = 0
  let at: SchemaTree = tree
  let supported = true
  for (;;) {
    const { element, children } = at
    if (element.repetition_type === 'OPTIONAL') definition++
    if (children.length === 0) break
    const repeated = children[0]!
    supported &&= children.length === 1 && isList(element) && repeated.element.repetition_type === 'REPEATED'
    lists.push({ present: definition, element: definition + 1 })
    definition++
    const { children: inner } = repeated
    // A repeated leaf is the element itself; a repeated group of one field holds it.
    supported &&= inner.length === 0 || (inner.length === 1 && !holdsStruct(repeated, element.name))
    at = inner[0] ?? repeated
    if (inner.length === 0) break
  }
  const leafType = supported && at.element.repetition_type !== undefined ? leafTypeOf(at.element) : null
  return {
    name: tree.element.name,
    nullable: tree.element.repetition_type === 'OPTIONAL',
    type: leafType && lists.reduce<ColumnType>(element => ({ kind: 'list', element }), leafType),
    leaf: at.element,
    path: at.path,
    repetitionMax: lists.length,
    definitionMax: definition,
    lists,
  }
}

function isList(element: SchemaElement): boolean {
  return element.converted_type === 'LIST' || element.logical_type?.type === 'LIST'
}

/** By these names a repeated group of one field is a struct of one field, not the list's middle level. */
function holdsStruct({ element }: SchemaTree, listName: string): boolean {
  return element.name === 'array' || element.name === `${listName}_tuple`
}

function leafTypeOf(leaf: SchemaElement): ColumnType | null {
  if (leaf.converted_type === 'DECIMAL' || leaf.logical_type?.type === 'DECIMAL') return decimalOf(leaf)
  switch (leaf.type) {
    case 'BOOLEAN':
      return { kind: 'boolean' }
    case 'INT32':
      return int32Of(leaf)
    case 'INT64':
      return int64Of(leaf)
    case 'FLOAT':
      return { kind: 'float32' }
    case 'DOUBLE':
      return { kind: 'float64' }
    case 'BYTE_ARRAY':
      return bytesOf(leaf)
    case 'FIXED_LEN_BYTE_ARRAY':
      return annotation(leaf) === undefined ? { kind: 'bytes' } : null
    default:
      return null
  }
}

function annotation({ logical_type, converted_type }: SchemaElement): string | undefined {
  return logical_type?.type ?? converted_type
}

function decimalOf({ precision, scale = 0, logical_type }: SchemaElement): ColumnType | null {
  const digits = logical_type?.type === 'DECIMAL' ? logical_type : { precision: precision ?? 0, scale }
  if (digits.precision < 1 || digits.precision > 38 || digits.scale < 0 || digits.scale > digits.precision)
    return null
  return { kind: 'decimal', precision: digits.precision, scale: digits.scale }
}

function int32Of(leaf: SchemaElement): ColumnType | null {
  const kind = annotation(leaf)
  if (kind === undefined || kind === 'INT_8' || kind === 'INT_16' || kind === 'INT_32')
    return { kind: 'int32' }
  if (kind === 'DATE') return { kind: 'date' }
  return leaf.logical_type?.type === 'INTEGER' && leaf.logical_type.isSigned ? { kind: 'int32' } : null
}

/** Timestamps of nanoseconds do not fit, local ones are no points in time. */
function int64Of(leaf: SchemaElement): ColumnType | null {
  const { logical_type: logical, converted_type: converted } = leaf
  if (logical?.type === 'TIMESTAMP')
    return logical.isAdjustedToUTC && logical.unit !== 'NANOS' ? { kind: 'timestamp' } : null
  if (logical === undefined && converted?.startsWith('TIMESTAMP_')) return { kind: 'timestamp' }
  if (logical?.type === 'INTEGER') return logical.isSigned ? { kind: 'int64' } : null
  return annotation(leaf) === undefined || converted === 'INT_64' ? { kind: 'int64' } : null
}

function bytesOf(leaf: SchemaElement): ColumnType | null {
  switch (annotation(leaf)) {
    case undefined:
    case 'BSON':
      return { kind: 'bytes' }
    case 'STRING':
    case 'UTF8':
    case 'ENUM':
    case 'JSON':
      return { kind: 'string' }
    default:
      return null
  }
}

/** True when the column counts milliseconds where ours counts microseconds. */
export function inMillis({ logical_type: logical, converted_type: converted }: SchemaElement): boolean {
  return logical?.type === 'TIMESTAMP' ? logical.unit === 'MILLIS' : converted === 'TIMESTAMP_MILLIS'
}
