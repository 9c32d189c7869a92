// Dates and times on the wire. PostgreSQL counts from 2000-01-01, the catalog from 1970-01-01; infinity is the
// largest and smallest integer. https://www.postgresql.org/docs/current/datatype-datetime.html
import type { Int32Builder, Int64Builder } from '#catalog/column-builder.ts'
import { malformed, outOfRange } from './value-error.ts'

const epochDays = 10_957
const minDays = -719_162
const maxDays = 2_932_896

/** Days since 1970 into a date column. @throws DataError VALUE_OUT_OF_RANGE */
function appendDays(builder: Int32Builder, days: number): void {
  if (days < minDays || days > maxDays)
    throw outOfRange('A date outside the years 1 to 9999 has no place in a date column')
  builder.append(days)
}

/** date ::= days since 2000:Int32 */
export function appendDate(builder: Int32Builder, bytes: Buffer, start: number): void {
  appendDays(builder, int32(bytes, start) + epochDays)
}

// 946684800 seconds from 1970 to 2000, in microseconds, as two 32-bit halves.
const epochHigh = 220_417
const epochLow = 0x3b37_e000
const two32 = 0x1_0000_0000
const minMicros = -62_135_596_800_000_000n
const maxMicros = 253_402_300_799_999_999n
/** High halves strictly between these are in range whatever the low half is. */
const minHigh = Number(minMicros >> 32n)
const maxHigh = Number(maxMicros >> 32n)

/** timestamp, timestamptz ::= microseconds since 2000:Int64. @throws DataError VALUE_OUT_OF_RANGE */
export function appendTimestamp(builder: Int64Builder, bytes: Buffer, start: number): void {
  const low = (int32(bytes, start + 4) >>> 0) + epochLow
  const carry = low >= two32 ? 1 : 0
  const high = int32(bytes, start) + epochHigh + carry
  if (high <= minHigh || high >= maxHigh) checkMicros((BigInt(high) << 32n) + BigInt(low - carry * two32))
  builder.appendHalves(high, low | 0)
}

function checkMicros(micros: bigint): void {
  if (micros < minMicros || micros > maxMicros)
    throw outOfRange('A time outside the years 1 to 9999 has no place in a timestamp column')
}

/** `2024-02-29`; BC and infinity are out of range. */
export function appendPrintedDate(builder: Int32Builder, text: string): void {
  const parts = /^(\d{4,})-(\d\d)-(\d\d)$/.exec(text)
  if (!parts) throw outOfRange(`${text} has no place in a date column`)
  appendDays(builder, daysOf(Number(parts[1]), Number(parts[2]), Number(parts[3])))
}

/** `2024-02-29 12:34:56.789+00`, the offset only of timestamptz. */
export function appendPrintedTimestamp(builder: Int64Builder, text: string): void {
  const parts =
    /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/.exec(
      text,
    )
  if (!parts) throw outOfRange(`${text} has no place in a timestamp column`)
  const number = (index: number): number => Number(parts[index] ?? 0)
  const offset = (number(9) * 3600 + number(10) * 60 + number(11)) * (parts[8] === '-' ? -1 : 1)
  const seconds = number(4) * 3600 + number(5) * 60 + number(6) - offset
  const fraction = Number((parts[7] ?? '').padEnd(6, '0'))
  const micros =
    BigInt(daysOf(number(1), number(2), number(3))) * 86_400_000_000n +
    BigInt(seconds) * 1_000_000n +
    BigInt(fraction)
  checkMicros(micros)
  builder.append(micros)
}

function daysOf(year: number, month: number, day: number): number {
  // Date.UTC takes years below 100 for 19xx.
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date.getTime() / 86_400_000
}

/** time ::= microseconds since midnight:Int64, as PostgreSQL prints it. */
export function timeText(bytes: Buffer, start: number): string {
  const micros = int32(bytes, start) * two32 + (int32(bytes, start + 4) >>> 0)
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = micros - seconds * 1_000_000
  const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map(part => pad(Math.floor(part)))
    .join(':')
  return fraction === 0 ? clock : `${clock}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
}

/** timetz ::= time zone:Int32(seconds west of Greenwich) */
export function timetzText(bytes: Buffer, start: number, end: number): string {
  if (end - start !== 12) throw malformed('A time with time zone has 12 bytes')
  const east = -int32(bytes, start + 8)
  const seconds = Math.abs(east)
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(pad)
  while (parts.length > 1 && parts.at(-1) === '00') parts.pop()
  return `${timeText(bytes, start)}${east < 0 ? '-' : '+'}${parts.join(':')}`
}

function pad(part: number): string {
  return String(part).padStart(2, '0')
}

function int32(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
