// The text of a key value inside a record key, as Hudi's key generators print it, so that a Spark or Flink
// writer of the same table computes the same key and the same bucket. Strings and integers, the common keys,
// are written by record-key.ts without a string; the rest comes here.
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt } from '#catalog/column.ts'
import { invariant } from '#common/errors.ts'

const msPerDay = 86_400_000

/** Text of a value that is not null. */
export function keyText(vector: ColumnVector, row: number): string {
  switch (vector.layout) {
    case 'bits':
      return bitAt(vector.values, row) ? 'true' : 'false'
    case 'int32':
      return vector.type.kind === 'date' ? dateText(vector.values[row]!) : String(vector.values[row])
    case 'int64':
      return String(vector.values[row])
    case 'float32':
      return floatText(shortestDouble(vector.values[row]!))
    case 'float64':
      return floatText(vector.values[row]!)
    case 'fixed': {
      const bytes = vector.values.subarray(row * vector.width, (row + 1) * vector.width)
      return decimalText(signedBigEndian(bytes), vector.type.kind === 'decimal' ? vector.type.scale : 0)
    }
    case 'binary': {
      const bytes = vector.data.subarray(vector.offsets[row], vector.offsets[row + 1])
      return Buffer.from(bytes).toString(vector.type.kind === 'bytes' ? 'hex' : 'utf8')
    }
    case 'list':
    case 'struct':
      invariant(false, 'A nested value cannot be part of a key')
  }
}

/** ISO date; Java prints years of fewer than four digits with zeros, as Date does. */
function dateText(days: number): string {
  return new Date(days * msPerDay).toISOString().slice(0, 10)
}

/** BigDecimal.toString: plain unless the exponent is below −6. */
export function decimalText(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n
  const digits = (negative ? -unscaled : unscaled).toString()
  const sign = negative ? '-' : ''
  if (scale === 0) return sign + digits
  const exponent = digits.length - 1 - scale
  if (exponent >= -6) {
    const padded = digits.padStart(scale + 1, '0')
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
  return `${sign}${mantissa}E${exponent}`
}

/** Java's Double.toString and Float.toString of a number: `1.0`, `1.0E10`, `1.0E-5`. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const sign = value < 0 ? '-' : ''
  const magnitude = Math.abs(value)
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    const plain = String(magnitude)
    return sign + (plain.includes('.') ? plain : `${plain}.0`)
  }
  const [mantissa = '', exponent = ''] = magnitude.toExponential().split('e')
  const digits = mantissa.includes('.') ? mantissa : `${mantissa}.0`
  return `${sign}${digits}E${Number(exponent)}`
}

/** The double with the fewest digits that rounds to this float: its digits are those Java prints for the float. */
export function shortestDouble(value: number): number {
  if (!Number.isFinite(value)) return value
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

function signedBigEndian(bytes: Uint8Array): bigint {
  let value = BigInt.asIntN(8, BigInt(bytes[0] ?? 0))
  for (let at = 1; at < bytes.length; at++) value = (value << 8n) | BigInt(bytes[at]!)
  return value
}
