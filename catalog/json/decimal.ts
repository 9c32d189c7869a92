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
export function unscaledSmall(
  bytes: Uint8Array,
  range: { start: number; end: number },
  scale: number,
): number {
  const { end } = range
  let at = range.start
  const negative = bytes[at] === 0x2d
  if (negative) at++
  let value = 0
  let point = -1
  let digits = 0
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte === 0x2e) point = at
    else if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + byte - 0x30
      digits++
    } else return Number.NaN
  }
  const missing = scale - (point < 0 ? 0 : end - point - 1)
  if (missing < 0 || digits + missing > 15) return Number.NaN
  value *= powersOf10[missing]!
  return negative ? -value : value
}

/** 10^0 … 10^15: exact as doubles. */
export const powersOf10: readonly number[] = Array.from({ length: 16 }, (_, power) => 10 ** power)
