// The one type system of the platform. A connector maps its own types onto these, the lake maps these onto
// Avro and Parquet. Rule: a value either has an exact place here or it fails with VALUE_OUT_OF_RANGE.

export type ColumnType =
  | { kind: 'boolean' }
  /** Signed 32 bits. */
  | { kind: 'int32' }
  /** Signed 64 bits. */
  | { kind: 'int64' }
  | { kind: 'float32' }
  | { kind: 'float64' }
  /** Exact decimal, 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision; stored as two's complement, big-endian, minimum width. */
  | { kind: 'decimal'; precision: number; scale: number }
  /** UTF-8 text. Also JSON documents, UUIDs, enums, intervals and times of day, as their source prints them. */
  | { kind: 'string' }
  | { kind: 'bytes' }
  /** Days since 1970-01-01, proleptic Gregorian, years 0001–9999. */
  | { kind: 'date' }
  /** Microseconds since 1970-01-01T00:00:00Z, years 0001–9999. */
  | { kind: 'timestamp' }
  /** The element may be null. */
  | { kind: 'list'; element: ColumnType }
  | StructType
  | MapType

/** Values under names, at least one. Each may be null, as every column of a table may. */
export interface StructType {
  kind: 'struct'
  fields: readonly StructField[]
}

/** Values under texts that are data, not schema: at most one under each. A value may be null, a text not. */
export interface MapType {
  kind: 'map'
  value: ColumnType
}

export interface StructField {
  name: string
  type: ColumnType
  /** Of a column of a table: the field's name at the source, where that is another one. */
  sourceName?: string
}

export interface Column {
  name: string
  type: ColumnType
  nullable: boolean
  /** Of a column of a table: its name at the source, where that is another one. */
  sourceName?: string
}

export interface TableSchema {
  columns: readonly Column[]
  /** Names of the columns that identify a row; empty for an append table. */
  key: readonly string[]
}

/** Bytes a decimal of this precision takes: the smallest two's complement width that holds ±(10^precision − 1). */
export function decimalWidth(precision: number): number {
  return Math.ceil((precision * Math.log2(10) + 1) / 8)
}

export function typesEqual(a: ColumnType, b: ColumnType): boolean {
  if (a.kind !== b.kind) return false
  if (a.kind === 'decimal' && b.kind === 'decimal') return a.precision === b.precision && a.scale === b.scale
  if (a.kind === 'list' && b.kind === 'list') return typesEqual(a.element, b.element)
  if (a.kind === 'map' && b.kind === 'map') return typesEqual(a.value, b.value)
  if (a.kind === 'struct' && b.kind === 'struct') return fieldsEqual(a.fields, b.fields)
  return true
}

function fieldsEqual(a: readonly StructField[], b: readonly StructField[]): boolean {
  return (
    a.length === b.length &&
    a.every((field, at) => field.name === b[at]!.name && typesEqual(field.type, b[at]!.type))
  )
}

/** What a list or a map holds many of; those of a map are its entries, `key` and `value`. */
export function elementOf(type: ColumnType & { kind: 'list' | 'map' }): ColumnType {
  return type.kind === 'list' ? type.element : mapEntry(type)
}

export function mapEntry({ value }: MapType): StructType {
  return {
    kind: 'struct',
    fields: [
      { name: 'key', type: { kind: 'string' } },
      { name: 'value', type: value },
    ],
  }
}

/** Whether values of the type hold other values: no key, no ordering field and no partition can be made of them. */
export function isNested({ kind }: ColumnType): boolean {
  return kind === 'list' || kind === 'struct' || kind === 'map'
}

/** The type as people read it: `decimal(10,2)`, `list<string>`, `struct<a:int32,b:map<string,date>>`. */
export function typeName(type: ColumnType): string {
  if (type.kind === 'decimal') return `decimal(${type.precision},${type.scale})`
  if (type.kind === 'list') return `list<${typeName(type.element)}>`
  if (type.kind === 'map') return `map<string,${typeName(type.value)}>`
  if (type.kind === 'struct')
    return `struct<${type.fields.map(({ name, type: inner }) => `${name}:${typeName(inner)}`).join(',')}>`
  return type.kind
}
