// What a file's schema says of its columns, whoever wrote it: our column type, and which levels of the leaves mean
// null, empty or there. All forms of lists are known: three levels (`list.element`) and the two of Avro writers (a
// repeated element under the group).
// See https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#nested-types.
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import type { ColumnType, StructType } from '#catalog/types.ts'
import { mapEntry } from '#catalog/types.ts'

/** A value somewhere in a column; from the definition level `present` on it is there. */
export type ReadNode = { present: number } & (
  | { kind: 'leaf'; type: ColumnType; leaf: ReadLeaf }
  /** A list or a map. From `element` on it has an element; the repetition level of another one is `repetition`. */
  | { kind: 'list'; type: ColumnType; element: number; repetition: number; child: ReadNode }
  | { kind: 'struct'; type: StructType; children: readonly ReadNode[] }
)

/** What is stored by itself. */
export interface ReadLeaf {
  /** Of which the physical type and length matter. */
  element: SchemaElement
  path: readonly string[]
  repetitionMax: number
  definitionMax: number
}

export interface ReadColumn {
  name: string
  nullable: boolean
  /** Null: the column has a type that is not ours. */
  node: ReadNode | null
  /** In the order of the schema. */
  leaves: readonly ReadLeaf[]
}

export function readColumns(metadata: FileMetaData): ReadColumn[] {
  return parquetSchema(metadata).children.map(tree => {
    const { name, repetition_type: repetition } = tree.element
    const leaves: ReadLeaf[] = []
    const node = nodeOf(tree, levelsAt({ repetition: 0, definition: 0 }, tree), leaves)
    return {
      name,
      nullable: repetition === 'OPTIONAL',
      node: repetition === 'REPEATED' ? null : node,
      leaves,
    }
  })
}

/** Highest levels where a value is there. */
interface Levels {
  repetition: number
  definition: number
}

function levelsAt({ repetition, definition }: Levels, { element }: SchemaTree): Levels {
  const kind = element.repetition_type
  return {
    repetition: repetition + (kind === 'REPEATED' ? 1 : 0),
    definition: definition + (kind === 'OPTIONAL' || kind === 'REPEATED' ? 1 : 0),
  }
}

/** Null for a type that is not ours; its leaves count all the same. */
function nodeOf(tree: SchemaTree, levels: Levels, leaves: ReadLeaf[]): ReadNode | null {
  if (tree.children.length === 0) return leafOf(tree, levels, leaves)
  switch (annotation(tree.element)) {
    case undefined:
      return structOf(tree, levels, leaves)
    case 'LIST':
      return listOf(tree, levels, leaves)
    case 'MAP':
    case 'MAP_KEY_VALUE':
      return mapOf(tree, levels, leaves)
    default:
      return null
  }
}

function leafOf({ element, path }: SchemaTree, levels: Levels, leaves: ReadLeaf[]): ReadNode | null {
  const leaf = { element, path, repetitionMax: levels.repetition, definitionMax: levels.definition }
  leaves.push(leaf)
  const type = element.repetition_type === undefined ? null : leafTypeOf(element)
  return type && { kind: 'leaf', type, present: levels.definition, leaf }
}

function structOf({ children }: SchemaTree, levels: Levels, leaves: ReadLeaf[]): ReadNode | null {
  const nodes = children.map(child => {
    const node = nodeOf(child, levelsAt(levels, child), leaves)
    return child.element.repetition_type === 'REPEATED' ? null : node
  })
  if (nodes.includes(null)) return null
  const known = nodes as ReadNode[]
  const fields = known.map(({ type }, at) => ({ name: children[at]!.element.name, type }))
  return { kind: 'struct', type: { kind: 'struct', fields }, present: levels.definition, children: known }
}

function listOf({ element, children }: SchemaTree, levels: Levels, leaves: ReadLeaf[]): ReadNode | null {
  const [repeated] = children
  if (children.length !== 1 || repeated?.element.repetition_type !== 'REPEATED') return null
  const inner = levelsAt(levels, repeated)
  const [only] = repeated.children
  const child =
    only === undefined || isElement(repeated, element.name)
      ? nodeOf(repeated, inner, leaves)
      : nodeOf(only, levelsAt(inner, only), leaves)
  return (
    child && {
      kind: 'list',
      type: { kind: 'list', element: child.type },
      present: levels.definition,
      element: inner.definition,
      repetition: inner.repetition,
      child,
    }
  )
}

/** Whether a repeated group is the element, a struct, or only the list's middle level, which has one field. */
function isElement({ element, children }: SchemaTree, listName: string): boolean {
  return (
    children.length > 1 ||
    children[0]?.element.repetition_type === 'REPEATED' ||
    element.name === 'array' ||
    element.name === `${listName}_tuple`
  )
}

function mapOf({ children }: SchemaTree, levels: Levels, leaves: ReadLeaf[]): ReadNode | null {
  const [repeated] = children
  if (children.length !== 1 || repeated?.element.repetition_type !== 'REPEATED') return null
  const inner = levelsAt(levels, repeated)
  const entry = structOf(repeated, inner, leaves)
  if (entry?.kind !== 'struct' || entry.children.length !== 2) return null
  const [key, value] = entry.type.fields
  if (key!.type.kind !== 'string' || repeated.children[0]!.element.repetition_type !== 'REQUIRED') return null
  const type = { kind: 'map', value: value!.type } as const
  return {
    kind: 'list',
    type,
    present: levels.definition,
    element: inner.definition,
    repetition: inner.repetition,
    child: { ...entry, type: mapEntry(type) },
  }
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
