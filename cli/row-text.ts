// Values of columns as text: JSON and CSV for machines, cells for people. Integers keep all their digits, decimals are
// text with all digits of the scale, times are ISO 8601 in UTC with microseconds, bytes are base64.
import type { ColumnVector, ListVector, StructVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import type { StructType } from '#catalog/types.ts'
import { isNested } from '#catalog/types.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { shortestDouble } from '#lake/key/key-text.ts'

/** One row as a line of JSON. */
export function jsonRow(columns: readonly NamedVector[], row: number): string {
  return `{${columns.map(({ name, vector }) => `${JSON.stringify(name)}:${jsonValue(vector, row)}`).join(',')}}`
}

/** One row as a line of CSV (RFC 4180): nothing for null, "" for empty text. */
export function csvRow(columns: readonly NamedVector[], row: number): string {
  return columns.map(({ vector }) => (isNull(vector, row) ? '' : csvText(valueText(vector, row)))).join(',')
}

export function csvText(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const cellLengthMax = 48

/** A value in one short line. */
export function cellText(vector: ColumnVector, row: number): string {
  if (isNull(vector, row)) return 'null'
  // oxlint-disable-next-line no-control-regex -- a terminal must not obey what a table holds
  const text = valueText(vector, row).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
  return text.length > cellLengthMax ? `${text.slice(0, cellLengthMax - 1)}…` : text
}

function jsonValue(vector: ColumnVector, row: number): string {
  if (isNull(vector, row)) return 'null'
  const { kind } = vector.type
  const text = valueText(vector, row)
  const isPlain = kind === 'boolean' || kind === 'int32' || kind === 'int64' || isNested(vector.type)
  const isNumber = (kind === 'float32' || kind === 'float64') && Number.isFinite(Number(text))
  return isPlain || isNumber ? text : JSON.stringify(text)
}

/** Text of a value that is not null. */
function valueText(vector: ColumnVector, row: number): string {
  switch (vector.layout) {
    case 'bits':
      return String(bitAt(vector.values, row))
    case 'int32':
      return vector.type.kind === 'date' ? dateText(vector.values[row]!) : String(vector.values[row])
    case 'int64':
      return vector.type.kind === 'timestamp' ? timeText(vector.values[row]!) : String(vector.values[row])
    case 'float32':
      return numberText(shortestDouble(vector.values[row]!))
    case 'float64':
      return numberText(vector.values[row]!)
    case 'fixed': {
      const bytes = vector.values.subarray(row * vector.width, (row + 1) * vector.width)
      return decimalText(bytes, vector.type.kind === 'decimal' ? vector.type.scale : 0)
    }
    case 'binary': {
      const bytes = Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1]))
      return bytes.toString(vector.type.kind === 'bytes' ? 'base64' : 'utf8')
    }
    case 'list':
      return vector.type.kind === 'map'
        ? mapText(vector, row)
        : `[${elements(vector, row, jsonValue).join(',')}]`
    case 'struct':
      return structText(vector, row)
  }
}

function elements(
  { child, offsets }: ListVector,
  row: number,
  text: (child: ColumnVector, row: number) => string,
): string[] {
  const start = offsets[row]!
  return Array.from({ length: offsets[row + 1]! - start }, (_, at) => text(child, start + at))
}

function structText({ type, children }: StructVector, row: number): string {
  const { fields } = type as StructType
  return `{${fields.map(({ name }, at) => `${JSON.stringify(name)}:${jsonValue(children[at]!, row)}`).join(',')}}`
}

function mapText(vector: ListVector, row: number): string {
  const entries = elements(vector, row, (entry, at) => {
    const [key, value] = (entry as StructVector).children
    return `${jsonValue(key!, at)}:${jsonValue(value!, at)}`
  })
  return `{${entries.join(',')}}`
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

const dayMs = 86_400_000
/** The largest time a Date can be; what lies beyond is given as the number it is stored as. */
const dateMsMax = 8.64e15

function dateText(days: number): string {
  return Math.abs(days) * dayMs > dateMsMax
    ? String(days)
    : new Date(days * dayMs).toISOString().slice(0, -14)
}

function timeText(micros: bigint): string {
  const rest = ((micros % 1000n) + 1000n) % 1000n
  const ms = Number((micros - rest) / 1000n)
  if (Math.abs(ms) > dateMsMax) return String(micros)
  return new Date(ms).toISOString().replace('Z', `${String(rest).padStart(3, '0')}Z`)
}

/** Big-endian two's complement, with all digits of the scale. */
function decimalText(bytes: Uint8Array, scale: number): string {
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
