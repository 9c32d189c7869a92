// Dates and times as JSON documents write them: RFC 3339 text, read digit by digit. Years 0001–9999, proleptic
// Gregorian; what does not fit a microsecond is refused, not rounded.

/** Days since 1970-01-01 of `YYYY-MM-DD` at bytes[start, end); NaN when it is not that. */
export function parseDate(bytes: Uint8Array, start: number, end: number): number {
  return end - start === 10 ? dateAt(bytes, start) : Number.NaN
}

export interface ParsedTime {
  /** Seconds since the epoch. */
  seconds: number
  /** Microseconds of the second. */
  micros: number
}

/**
 * `YYYY-MM-DD[T ]hh:mm[:ss[.fraction]][Z|±hh[:mm]]` at bytes[start, end), or a date alone; without a zone it is
 * UTC. Null when it is not that; 'finer' when the fraction is finer than a microsecond.
 */
export function parseTimestamp(bytes: Uint8Array, start: number, end: number): ParsedTime | 'finer' | null {
  const days = end - start >= 10 ? dateAt(bytes, start) : Number.NaN
  if (Number.isNaN(days)) return null
  if (end - start === 10) return { seconds: days * 86_400, micros: 0 }
  const separator = bytes[start + 10]! | 0x20
  if (separator !== 0x74 && separator !== 0x20) return null
  const hours = two(bytes, start + 11)
  const minutes = bytes[start + 13] === 0x3a ? two(bytes, start + 14) : Number.NaN
  const at = start + 16
  const second =
    at < end && bytes[at] === 0x3a ? secondAt(bytes, at + 1, end) : { seconds: 0, micros: 0, end: at }
  if (second === null || second === 'finer') return second
  const offset = zoneSeconds(bytes, second.end, end)
  if (!(hours <= 23 && minutes <= 59 && second.end <= end) || Number.isNaN(offset)) return null
  const seconds = days * 86_400 + hours * 3600 + minutes * 60 + second.seconds - offset
  return { seconds, micros: second.micros }
}

/** `ss[.fraction]`, and where it ends. */
function secondAt(
  bytes: Uint8Array,
  start: number,
  end: number,
): (ParsedTime & { end: number }) | 'finer' | null {
  const seconds = two(bytes, start)
  if (!(seconds <= 59)) return null
  let at = start + 2
  if (at >= end || (bytes[at] !== 0x2e && bytes[at] !== 0x2c)) return { seconds, micros: 0, end: at }
  const from = ++at
  let micros = 0
  for (; at < end && digit(bytes, at) >= 0; at++) {
    if (at - from < 6) micros = micros * 10 + digit(bytes, at)
    else if (digit(bytes, at) > 0) return 'finer'
  }
  if (at === from) return null
  for (let digits = at - from; digits < 6; digits++) micros *= 10
  return { seconds, micros, end: at }
}

/** Seconds east of UTC; NaN when bytes[at, end) is no zone. */
function zoneSeconds(bytes: Uint8Array, at: number, end: number): number {
  const size = end - at
  if (size === 0) return 0
  const sign = bytes[at]!
  if (size === 1) return (sign | 0x20) === 0x7a ? 0 : Number.NaN
  if (sign !== 0x2b && sign !== 0x2d) return Number.NaN
  const colon = bytes[at + 3] === 0x3a
  if (size !== 3 && size !== (colon ? 6 : 5)) return Number.NaN
  const hours = two(bytes, at + 1)
  const minutes = size === 3 ? 0 : two(bytes, at + (colon ? 4 : 3))
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN
  return (sign === 0x2d ? -1 : 1) * (hours * 3600 + minutes * 60)
}

function dateAt(bytes: Uint8Array, at: number): number {
  if (bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d) return Number.NaN
  const year = two(bytes, at) * 100 + two(bytes, at + 2)
  const month = two(bytes, at + 5)
  const day = two(bytes, at + 8)
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= monthDays(year, month)))
    return Number.NaN
  return epochDays(year, month, day)
}

function monthDays(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days since 1970-01-01: years counted from March, so that the leap day comes last. */
function epochDays(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function digit(bytes: Uint8Array, at: number): number {
  const value = (bytes[at] ?? 0) - 0x30
  return value >= 0 && value <= 9 ? value : -1
}

/** Two digits; NaN when they are not. */
function two(bytes: Uint8Array, at: number): number {
  const tens = digit(bytes, at)
  const ones = digit(bytes, at + 1)
  return tens < 0 || ones < 0 ? Number.NaN : tens * 10 + ones
}
