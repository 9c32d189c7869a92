// numeric on the wire, and as decimal bytes or exact text, without strings in between where digits are few.
//
//   Numeric ::= ndigits:Int16 weight:Int16 sign:Int16 dscale:Int16 digit:Int16[ndigits]
//
// Digits are base 10000; digit i stands for digit × 10000^(weight − i). dscale counts the decimals to print.
// sign: 0 plus, 0x4000 minus, 0xC000 NaN, 0xD000 Infinity, 0xF000 -Infinity.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c (numeric_send)
import type { DecimalBuilder } from '#catalog/column-builder.ts'
import { outOfRange } from './value-error.ts'

const minus = 0x4000
const specials: Readonly<Record<number, string>> = { 0xc000: 'NaN', 0xd000: 'Infinity', 0xf000: '-Infinity' }

const powersOfTen = Array.from({ length: 19 }, (_, exponent) => 10 ** exponent)

/** Appends the number to a decimal column. @throws DataError VALUE_OUT_OF_RANGE */
export function appendNumeric(
  builder: DecimalBuilder,
  scale: number,
  precision: number,
): (bytes: Buffer, start: number) => void {
  const exactLimit = precision <= 15 ? 10 ** precision : Infinity
  const digitsMax = precision <= 15 ? 18 : 15
  return (bytes, start) => {
    const count = int16(bytes, start)
    const weight = int16(bytes, start + 2)
    const sign = uint16(bytes, start + 4)
    if (sign >= 0xc000)
      throw outOfRange(`${specials[sign] ?? 'A special number'} has no place in a decimal column`)
    // Below 10^15 every step is exact in a double. The first group of digits may be padded by up to three zeros.
    if ((weight + 1) * 4 + scale > digitsMax) {
      builder.append(unscaledBigInt(bytes, start, scale))
      return
    }
    let unscaled = 0
    for (let index = 0; index < count; index++) {
      const digit = int16(bytes, start + 8 + index * 2)
      const exponent = (weight - index) * 4 + scale
      if (exponent >= 0) unscaled += digit * powersOfTen[exponent]!
      else unscaled += shiftedDown(digit, -exponent)
    }
    if (unscaled >= exactLimit) throw outOfRange('The number has more digits than the column holds')
    builder.appendNumber(sign === minus ? -unscaled : unscaled)
  }
}

/** The last digit group, of which the column keeps only the front. */
function shiftedDown(digit: number, places: number): number {
  const shifted = places > 4 ? digit / 100_000 : digit / powersOfTen[places]!
  if (!Number.isInteger(shifted)) throw outOfRange('The number has more decimals than the column holds')
  return shifted
}

function unscaledBigInt(bytes: Buffer, start: number, scale: number): bigint {
  const count = int16(bytes, start)
  const weight = int16(bytes, start + 2)
  let value = 0n
  for (let index = 0; index < count; index++)
    value = value * 10_000n + BigInt(int16(bytes, start + 8 + index * 2))
  const exponent = (weight - count + 1) * 4 + scale
  if (exponent >= 0) value *= 10n ** BigInt(exponent)
  else {
    const divisor = 10n ** BigInt(-exponent)
    if (value % divisor !== 0n) throw outOfRange('The number has more decimals than the column holds')
    value /= divisor
  }
  return uint16(bytes, start + 4) === minus ? -value : value
}

/** The number as PostgreSQL prints it. */
export function numericText(bytes: Buffer, start: number): string {
  const count = int16(bytes, start)
  const weight = int16(bytes, start + 2)
  const sign = uint16(bytes, start + 4)
  const decimals = int16(bytes, start + 6)
  if (sign >= 0xc000) return specials[sign] ?? 'NaN'
  const group = (index: number): string =>
    String(index >= 0 && index < count ? int16(bytes, start + 8 + index * 2) : 0).padStart(4, '0')
  let whole = ''
  for (let index = 0; index <= weight; index++) whole += group(index)
  whole = whole.replace(/^0+(?=\d)/, '') || '0'
  let fraction = ''
  for (let index = weight + 1; fraction.length < decimals; index++) fraction += group(index)
  const text = decimals > 0 ? `${whole}.${fraction.slice(0, decimals)}` : whole
  return sign === minus ? `-${text}` : text
}

const plainNumber = /^(-?)(\d+)(?:\.(\d+))?$/

/** Appends printed digits to a decimal column. @throws DataError VALUE_OUT_OF_RANGE */
export function appendPrintedNumeric(builder: DecimalBuilder, scale: number, text: string): void {
  const parts = plainNumber.exec(text)
  if (!parts) throw outOfRange(`${text} has no place in a decimal column`)
  const fraction = parts[3] ?? ''
  if (/[1-9]/.test(fraction.slice(scale)))
    throw outOfRange('The number has more decimals than the column holds')
  const unscaled = BigInt(parts[2]! + fraction.slice(0, scale).padEnd(scale, '0'))
  builder.append(parts[1] === '-' ? -unscaled : unscaled)
}

function int16(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16)) >> 16
}

function uint16(bytes: Buffer, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
