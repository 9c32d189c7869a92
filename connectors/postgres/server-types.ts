// PostgreSQL's types and their place in the catalog's type system. A type is known by its oid; extensions' and
// people's own types are looked up in pg_type. https://www.postgresql.org/docs/current/catalog-pg-type.html
import type { ColumnType } from '#catalog/types.ts'
import type { Session } from './session.ts'

/** A row of pg_type. */
export interface ServerType {
  oid: number
  name: string
  /** b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  kind: string
  category: string
  /** Oid of an array's element type, else 0. */
  element: number
  /** Oid and modifier of the type a domain is made of, else 0 and -1. */
  base: number
  baseModifier: number
  delimiter: string
}

export type ServerTypes = Map<number, ServerType>

/** How a value is written on the wire, that is, which decoder reads it. */
export type Codec =
  | 'boolean'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'oid'
  | 'float4'
  | 'float8'
  | 'decimal'
  | 'numericText'
  | 'text'
  | 'jsonb'
  | 'uuid'
  | 'time'
  | 'timetz'
  | 'bytes'
  | 'date'
  | 'timestamp'
  | 'list'
  /** Text as PostgreSQL prints it: we read no binary form of the type. */
  | 'printed'

export interface ValueType {
  column: ColumnType
  codec: Codec
  /** Of a list. */
  element: ValueType | null
  /** Between the elements of a printed list. */
  delimiter: string
}

const int32: ColumnType = { kind: 'int32' }
const int64: ColumnType = { kind: 'int64' }
const string: ColumnType = { kind: 'string' }
const timestamp: ColumnType = { kind: 'timestamp' }

const builtIn: Readonly<Record<number, readonly [ColumnType, Codec]>> = {
  16: [{ kind: 'boolean' }, 'boolean'],
  17: [{ kind: 'bytes' }, 'bytes'],
  19: [string, 'text'], // name
  20: [int64, 'int8'],
  21: [int32, 'int2'],
  23: [int32, 'int4'],
  25: [string, 'text'],
  26: [int64, 'oid'],
  114: [string, 'text'], // json
  700: [{ kind: 'float32' }, 'float4'],
  701: [{ kind: 'float64' }, 'float8'],
  1042: [string, 'text'], // char(n)
  1043: [string, 'text'], // varchar
  1082: [{ kind: 'date' }, 'date'],
  1083: [string, 'time'],
  1114: [timestamp, 'timestamp'],
  1184: [timestamp, 'timestamp'],
  1266: [string, 'timetz'],
  2950: [string, 'uuid'],
  3802: [string, 'jsonb'],
}

const numericOid = 1700
/** Arrays by category, but with a form of their own. */
const vectorOids = new Set([22, 30])

/** The type of a column: `modifier` is its atttypmod. Every type met must be in `types`. */
export function valueType(oid: number, modifier: number, types: ServerTypes): ValueType {
  const known = builtIn[oid]
  if (known) return scalar(known[0], known[1])
  if (oid === numericOid) return numericType(modifier)
  const type = types.get(oid)
  if (!type) return scalar(string, 'printed')
  if (type.kind === 'd') return valueType(type.base, type.baseModifier, types)
  if (type.kind === 'e' || type.name === 'citext') return scalar(string, 'text')
  if (type.category !== 'A' || type.element === 0 || vectorOids.has(oid)) return scalar(string, 'printed')
  const element = valueType(type.element, modifier, types)
  // An array of a domain over an array: elements that are lists have no text form we take apart.
  if (element.codec === 'list') return scalar(string, 'printed')
  const delimiter = types.get(type.element)?.delimiter ?? ','
  return { column: { kind: 'list', element: element.column }, codec: 'list', element, delimiter }
}

function scalar(column: ColumnType, codec: Codec): ValueType {
  return { column, codec, element: null, delimiter: ',' }
}

/**
 * numeric(p, s): its modifier is ((p << 16) | (s & 0x7ff)) + 4, the scale signed in 11 bits. Without one, or
 * with more digits than a decimal column holds, a value is kept as its exact text.
 */
function numericType(modifier: number): ValueType {
  if (modifier < 4) return scalar(string, 'numericText')
  const precision = ((modifier - 4) >> 16) & 0xffff
  const scale = ((modifier - 4) << 21) >> 21
  const [digits, fraction] = scale < 0 ? [precision - scale, 0] : [Math.max(precision, scale), scale]
  if (digits > 38) return scalar(string, 'numericText')
  return scalar({ kind: 'decimal', precision: digits, scale: fraction }, 'decimal')
}

/** True when every value of the type can be read from its binary form. */
export function hasBinaryForm(type: ValueType): boolean {
  return type.codec === 'list' ? hasBinaryForm(type.element!) : type.codec !== 'printed'
}

/** The column in a SELECT whose result we read in binary: types without a binary form are read as text. */
export function selectExpression(quotedName: string, type: ValueType): string {
  return hasBinaryForm(type) ? quotedName : printedExpression(quotedName)
}

/** The value as the type's own output function prints it. A cast to text is not that: it drops blanks of char(n). */
export function printedExpression(quotedName: string): string {
  return `CASE num_nulls(${quotedName}) WHEN 0 THEN format('%s', ${quotedName}) END`
}

/** Adds these types, and those they are made of, to what is known. */
export async function loadTypes(
  session: Session,
  oids: readonly number[],
  types: ServerTypes,
): Promise<void> {
  for (let missing = unknown(oids, types); missing.length > 0;) {
    const rows = await session.query<ServerType>(
      `SELECT oid::int8::float8 AS oid, typname AS name, typtype::text AS kind, typcategory::text AS category,
         typelem::int8::float8 AS element, typbasetype::int8::float8 AS base, typtypmod AS "baseModifier",
         typdelim::text AS delimiter
       FROM pg_type WHERE oid = ANY($1::oid[])`,
      [missing],
    )
    for (const row of rows) types.set(row.oid, row)
    const parts = rows.flatMap(row => [row.element, row.base]).filter(oid => oid !== 0)
    missing = rows.length === 0 ? [] : unknown(parts, types)
  }
}

function unknown(oids: readonly number[], types: ServerTypes): number[] {
  return [...new Set(oids)].filter(oid => !types.has(oid))
}
