// Column types from the names people write in a VirtualTable: the inverse of typeName().
import type { ColumnType } from './types.ts'

const plain = new Set([
  'boolean',
  'int32',
  'int64',
  'float32',
  'float64',
  'string',
  'bytes',
  'date',
  'timestamp',
] as const)

/** `decimal(10,2)`, `list<string>` …; null when it is no type. */
export function parseTypeName(text: string): ColumnType | null {
  if ((plain as ReadonlySet<string>).has(text)) return { kind: text } as ColumnType
  const list = /^list<(.+)>$/.exec(text)
  if (list !== null) {
    const element = parseTypeName(list[1]!)
    return element === null ? null : { kind: 'list', element }
  }
  const decimal = /^decimal\((\d{1,2}),(\d{1,2})\)$/.exec(text)
  if (decimal === null) return null
  const precision = Number(decimal[1])
  const scale = Number(decimal[2])
  return precision >= 1 && precision <= 38 && scale <= precision
    ? { kind: 'decimal', precision, scale }
    : null
}
