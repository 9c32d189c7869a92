/**
 * The canonical form of rows, in which what a source holds and what a reader of the lake sees are compared.
 * It is described in test/golden/README.md; assets/hudi/canonical.py is the readers' half and must print the same text.
 * The hash is the sum modulo 2^128 of the MD5 of each row's text: row order does not matter, and a duplicate does
 * not cancel out. A million rows can so be compared without shipping them.
 */
import { createHash } from 'node:crypto'

import type { ColumnType } from '#catalog/types.ts'

/** Integers are numbers where they are safe and bigint beyond; the text is the same. Floats are text. */
export type CanonicalValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue }

export type CanonicalRow = Readonly<Record<string, CanonicalValue>>

export interface RowSetHash {
  readonly count: number
  /** 32 hex digits. */
  readonly hash: string
}

/**
 * A value of a column as a source gives it, in canonical form. Takes for `decimal` its text with all digits of the
 * scale, for `date` days or `yyyy-mm-dd`, for `timestamp` micros since the epoch, for `bytes` a Uint8Array.
 */
export function canonicalValue(type: ColumnType, value: unknown): CanonicalValue {
  if (value === null || value === undefined) return null
  switch (type.kind) {
    case 'boolean':
    case 'string':
    case 'decimal':
      return value as boolean | string
    case 'int32':
    case 'int64':
      return integer(value as number | bigint)
    case 'float32':
      return floatText(Math.fround(value as number))
    case 'float64':
      return floatText(value as number)
    case 'bytes':
      return `0x${Buffer.from(value as Uint8Array).toString('hex')}`
    case 'date':
      return typeof value === 'number'
        ? new Date(value * 86_400_000).toISOString().slice(0, 10)
        : (value as string)
    case 'timestamp':
      return { ts_us: integer(value as number | bigint) }
    default:
      return nestedValue(type, value)
  }
}

function nestedValue(type: ColumnType & { kind: 'list' | 'struct' | 'map' }, value: unknown): CanonicalValue {
  switch (type.kind) {
    case 'list':
      return (value as readonly unknown[]).map(element => canonicalValue(type.element, element))
    case 'struct': {
      const given = value as Readonly<Record<string, unknown>>
      return Object.fromEntries(
        type.fields.map(({ name, type: inner }) => [name, canonicalValue(inner, given[name])]),
      )
    }
    case 'map': {
      const entries = (value as readonly (readonly [string, unknown])[]).toSorted(([a], [b]) =>
        a < b ? -1 : 1,
      )
      return { map: entries.map(([key, inner]) => [key, canonicalValue(type.value, inner)]) }
    }
  }
}

/** A row of a source in canonical form; `types` also says which columns there are. */
export function canonicalRow(
  types: Readonly<Record<string, ColumnType>>,
  row: Readonly<Record<string, unknown>>,
): CanonicalRow {
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => [name, canonicalValue(type, row[name])]),
  )
}

/** The JSON text that is hashed: sorted names, `", "` and `": "` between, nothing escaped that need not be. */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonicalJson).join(', ')}]`
  const names = Object.keys(value).toSorted()
  return `{${names.map(name => `${JSON.stringify(name)}: ${canonicalJson(value[name] ?? null)}`).join(', ')}}`
}

/** Reads canonical JSON without losing digits of large integers. */
export function parseCanonical(text: string): unknown {
  const exact = (_name: string, value: unknown, context: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source ?? '')
      ? BigInt(context.source ?? '')
      : value
  return JSON.parse(text, exact as (name: string, value: unknown) => unknown)
}

/** Counts and hashes rows that pass one by one. */
export class RowHash {
  #count = 0
  #sum = 0n

  add(row: CanonicalRow): void {
    this.#count++
    this.#sum += BigInt(`0x${createHash('md5').update(canonicalJson(row)).digest('hex')}`)
  }

  get result(): RowSetHash {
    return { count: this.#count, hash: BigInt.asUintN(128, this.#sum).toString(16).padStart(32, '0') }
  }
}

export function hashRows(rows: Iterable<CanonicalRow>): RowSetHash {
  const hash = new RowHash()
  for (const row of rows) hash.add(row)
  return hash.result
}

/**
 * The shortest text of a double as Python's repr() prints it: 1.0, 1e-05, 1e+16. Both languages find the same digits
 * and differ only in where the exponent begins (below 1e-4 and from 1e16) and how it is written.
 */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const magnitude = Math.abs(value)
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [digits = '', exponent = ''] = value.toExponential().split('e')
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`
  }
  const text = String(value)
  return text.includes('.') ? text : `${text}.0`
}

function integer(value: number | bigint): number | bigint {
  const asNumber = Number(value)
  return Number.isSafeInteger(asNumber) ? asNumber : value
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}
