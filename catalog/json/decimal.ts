// Exact decimals from the digits of a JSON number, without passing through a double.

const numberForm = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** Far beyond any column: exponents are cut here so that no one can ask for a million zeros. */
const exponentMax = 100_000

/** True when the text is a JSON number. */
export function isJsonNumber(text: string): boolean {
  return numberForm.test(text)
}

/**
 * The number times 10^scale; null when that is not an integer or has more than `digitsMax` digits.
 * The text is a JSON number.
 */
export function unscaledDecimal(text: string, scale: number, digitsMax: number): bigint | null {
  const [, sign, whole, fraction = '', exponent = '0'] = numberForm.exec(text)!
  let digits = (whole! + fraction).replace(/^0+/, '')
  if (digits === '') return 0n
  const shift = scale - fraction.length + Math.max(-exponentMax, Math.min(exponentMax, Number(exponent)))
  if (shift >= 0) {
    if (digits.length + shift > digitsMax) return null
    digits += '0'.repeat(shift)
  } else {
    const dropped = digits.slice(shift)
    if (dropped.length < -shift || /[1-9]/.test(dropped)) return null
    digits = digits.slice(0, shift)
    if (digits.length > digitsMax) return null
  }
  const unscaled = BigInt(digits === '' ? '0' : digits)
  return sign === '-' ? -unscaled : unscaled
}

/**
 * The same for the common case, straight from the bytes: plain digits with at most one point. NaN when the
 * number is not that simple or not that small; then unscaledDecimal() decides.
 */
export function unscaledSmall(bytes: Uint8Array, range: Range, scale: number): number {
  const fraction = fractionDigits(bytes, range)
  if (fraction < 0 || fraction > scale) return Number.NaN
  if (range.end - range.start + scale - fraction > 15) return Number.NaN
  return digitsOf(bytes, range) * powersOf10[scale - fraction]!
}

/**
 * The double nearest to a number of plain digits with at most one point; NaN when it is not that simple. Digits and
 * power of ten are exact as doubles, so the one division rounds as reading the text would.
 */
export function doubleSmall(bytes: Uint8Array, range: Range): number {
  const fraction = fractionDigits(bytes, range)
  return fraction < 0 || range.end - range.start > 15
    ? Number.NaN
    : digitsOf(bytes, range) / powersOf10[fraction]!
}

interface Range {
  start: number
  end: number
}

/** Digits behind the point; −1 when the number has an exponent. */
function fractionDigits(bytes: Uint8Array, { start, end }: Range): number {
  let point = end - 1
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte === 0x2e) point = at
    else if (byte > 0x39) return -1
  }
  return end - 1 - point
}

/** The digits as one whole number, the point left out. The number has no exponent and at most 15 digits. */
function digitsOf(bytes: Uint8Array, { start, end }: Range): number {
  let value = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= 0x30) value = value * 10 + byte - 0x30
  }
  return bytes[start] === 0x2d ? -value : value
}

/** 10^0 … 10^15: exact as doubles. */
export const powersOf10: readonly number[] = Array.from({ length: 16 }, (_, power) => 10 ** power)
