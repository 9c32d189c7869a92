// How one JSON value becomes one column value, in two steps: prepare() decides and may fail, append() cannot.
// Between them nothing has been written, so a record that fails at its last column leaves no partial row.
// Values that hold others are in nested-conversion.ts. The rules are listed in docs/connectors/kafka.md ("JSON values").
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import {
  BinaryBuilder,
  BooleanBuilder,
  DecimalBuilder,
  Float32Builder,
  Float64Builder,
  Int32Builder,
  Int64Builder,
} from '#catalog/column-builder.ts'
import type { ErrorCode } from '#common/error-codes.ts'
import { Token } from './scanner.ts'
import { doubleSmall, isJsonNumber, powersOf10, unscaledDecimal, unscaledSmall } from './decimal.ts'
import { parseDate, parseTimestamp } from './temporal.ts'

/** Why a value does not fit its column; no part of the value is in it. */
export class JsonValueError extends Error {
  readonly code: ErrorCode

  constructor(message: string, code: ErrorCode) {
    super(message)
    this.code = code
  }
}

/** One value of a scanned document. */
export interface JsonValue {
  bytes: Uint8Array
  kind: Token
  start: number
  end: number
  /** The value, when the kind is `int`. */
  number: number
}

/** Converts values of one column. prepare() is always followed by append() or by nothing. */
export interface Conversion {
  /** @throws JsonValueError */
  prepare(value: JsonValue): void
  append(): void
}

export function conversionFor(builder: ColumnBuilder): Conversion {
  if (builder instanceof BooleanBuilder) return new BooleanConversion(builder)
  if (builder instanceof Int32Builder)
    return builder.type.kind === 'date' ? new DateConversion(builder) : new Int32Conversion(builder)
  if (builder instanceof Int64Builder)
    return builder.type.kind === 'timestamp' ? new TimestampConversion(builder) : new Int64Conversion(builder)
  if (builder instanceof Float64Builder) return new FloatConversion(builder, value => value)
  if (builder instanceof Float32Builder) return new FloatConversion(builder, Math.fround)
  if (builder instanceof DecimalBuilder) return new DecimalConversion(builder)
  if (builder instanceof BinaryBuilder)
    return builder.type.kind === 'bytes' ? new Base64Conversion(builder) : new TextConversion(builder)
  throw new TypeError(`No conversion from JSON to ${builder.type.kind}`)
}

class BooleanConversion implements Conversion {
  readonly #builder: BooleanBuilder
  #value = false

  constructor(builder: BooleanBuilder) {
    this.#builder = builder
  }
  prepare(value: JsonValue): void {
    if (value.kind !== Token.true && value.kind !== Token.false) throw wrongKind('true or false')
    this.#value = value.kind === Token.true
  }
  append(): void {
    this.#builder.append(this.#value)
  }
}

class Int32Conversion implements Conversion {
  readonly #builder: Int32Builder
  #value = 0

  constructor(builder: Int32Builder) {
    this.#builder = builder
  }
  prepare(value: JsonValue): void {
    const number = value.kind === Token.int ? value.number : Number(integerOf(value))
    if (number < -0x8000_0000 || number > 0x7fff_ffff) throw outOfRange('a 32-bit integer')
    this.#value = number
  }
  append(): void {
    this.#builder.append(this.#value)
  }
}

/** Values up to 2^53 as numbers, others as BigInt. */
abstract class WideConversion implements Conversion {
  readonly #builder: Int64Builder
  #number = 0
  #big: bigint | null = null

  constructor(builder: Int64Builder) {
    this.#builder = builder
  }
  abstract prepare(value: JsonValue): void
  append(): void {
    if (this.#big === null) this.#builder.appendNumber(this.#number)
    else this.#builder.append(this.#big)
  }
  protected setNumber(value: number): void {
    this.#number = value
    this.#big = null
  }
  protected setBig(value: bigint): void {
    this.#big = value
  }
}

class Int64Conversion extends WideConversion {
  override prepare(value: JsonValue): void {
    if (value.kind === Token.int) this.setNumber(value.number)
    else this.setBig(integerOf(value))
  }
}

class DateConversion implements Conversion {
  readonly #builder: Int32Builder
  #days = 0

  constructor(builder: Int32Builder) {
    this.#builder = builder
  }
  prepare(value: JsonValue): void {
    if (value.kind === Token.string) this.#days = parseDate(value.bytes, value.start + 1, value.end - 1)
    else if (value.kind === Token.int) this.#days = value.number
    else throw wrongKind('a date')
    if (Number.isNaN(this.#days)) throw wrongKind('a date')
    if (this.#days < -719_162 || this.#days > 2_932_896) throw outOfRange('a date of the years 0001 to 9999')
  }
  append(): void {
    this.#builder.append(this.#days)
  }
}

class TimestampConversion extends WideConversion {
  override prepare(value: JsonValue): void {
    if (value.kind === Token.int) this.#milliseconds(value.number)
    else if (value.kind === Token.number) {
      const micros = unscaledDecimal(textOf(value), 3, 18)
      if (micros === null) throw outOfRange('a timestamp of microseconds')
      this.#checkSeconds(Number(micros / 1_000_000n))
      this.setBig(micros)
    } else this.#text(value)
  }
  #milliseconds(milliseconds: number): void {
    this.#checkSeconds(milliseconds / 1000)
    this.#set(Math.floor(milliseconds / 1000), (milliseconds - Math.floor(milliseconds / 1000) * 1000) * 1000)
  }
  #text(value: JsonValue): void {
    const parsed =
      value.kind === Token.string ? parseTimestamp(value.bytes, value.start + 1, value.end - 1) : null
    if (parsed === null) throw wrongKind('a timestamp')
    if (parsed === 'finer') throw outOfRange('a timestamp of microseconds')
    this.#checkSeconds(parsed.seconds)
    this.#set(parsed.seconds, parsed.micros)
  }
  #checkSeconds(seconds: number): void {
    if (seconds < -62_135_596_800 || seconds >= 253_402_300_800)
      throw outOfRange('a timestamp of the years 0001 to 9999')
  }
  #set(seconds: number, micros: number): void {
    const total = seconds * 1_000_000 + micros
    if (Number.isSafeInteger(total)) this.setNumber(total)
    else this.setBig(BigInt(seconds) * 1_000_000n + BigInt(micros))
  }
}

class FloatConversion implements Conversion {
  readonly #builder: Float32Builder | Float64Builder
  readonly #round: (value: number) => number
  #value = 0

  constructor(builder: Float32Builder | Float64Builder, round: (value: number) => number) {
    this.#builder = builder
    this.#round = round
  }
  prepare(value: JsonValue): void {
    this.#value = this.#round(value.kind === Token.int ? value.number : this.#other(value))
    // An integer says exactly what it means: 16777217 in a float32 would be another number.
    if (value.kind === Token.int && this.#value !== value.number) throw outOfRange('a float')
  }
  append(): void {
    this.#builder.append(this.#value)
  }
  #other(value: JsonValue): number {
    const small = value.kind === Token.number ? doubleSmall(value.bytes, value) : Number.NaN
    if (!Number.isNaN(small)) return small
    const text = value.kind === Token.string ? unquoted(value) : textOf(value)
    if (value.kind === Token.string && (text === 'NaN' || text === 'Infinity' || text === '-Infinity'))
      return Number(text)
    if (!isJsonNumber(text)) throw wrongKind('a number')
    const number = Number(text)
    if (!Number.isFinite(this.#round(number))) throw outOfRange('a float')
    if (/^-?\d+$/.test(text) && !this.#isWhole(text, this.#round(number))) throw outOfRange('a float')
    return number
  }
  /** The digits are those of the float, or the fewest that tell it from its neighbours, as writers print it. */
  #isWhole(text: string, number: number): boolean {
    return BigInt(number) === BigInt(text) || String(number) === text
  }
}

class DecimalConversion implements Conversion {
  readonly #builder: DecimalBuilder
  readonly #precision: number
  readonly #scale: number
  /** 10^precision as a double: exact where numbers of at most 15 digits are compared with it. */
  readonly #limit: number
  #number = 0
  #big: bigint | null = null

  constructor(builder: DecimalBuilder) {
    this.#builder = builder
    const type = builder.type as { precision: number; scale: number }
    this.#precision = type.precision
    this.#scale = type.scale
    this.#limit = 10 ** type.precision
  }
  prepare(value: JsonValue): void {
    const small = this.#small(value)
    if (!Number.isNaN(small)) {
      if (small >= this.#limit || small <= -this.#limit) throw outOfRange('the decimal of the column')
      this.#number = small
      this.#big = null
      return
    }
    const unscaled = unscaledDecimal(numberText(value), this.#scale, this.#precision)
    if (unscaled === null) throw outOfRange('the decimal of the column')
    this.#big = unscaled
  }
  append(): void {
    if (this.#big === null) this.#builder.appendNumber(this.#number)
    else this.#builder.append(this.#big)
  }
  #small(value: JsonValue): number {
    if (value.kind === Token.number) return unscaledSmall(value.bytes, value, this.#scale)
    if (value.kind !== Token.int || this.#scale > 15) return Number.NaN
    const unscaled = value.number * powersOf10[this.#scale]!
    return Math.abs(unscaled) < 1e15 ? unscaled : Number.NaN
  }
}

/** Strings: their contents; anything else: its JSON text as it stands. */
class TextConversion implements Conversion {
  readonly #builder: BinaryBuilder
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0
  #text: string | null = null

  constructor(builder: BinaryBuilder) {
    this.#builder = builder
  }
  prepare(value: JsonValue): void {
    if (value.kind === Token.escaped) {
      const text = JSON.parse(utf8Of(value)) as string
      if (!text.isWellFormed()) throw outOfRange('text: half a surrogate pair stands alone')
      this.#text = text
      return
    }
    const quotes = value.kind === Token.string ? 1 : 0
    this.#text = null
    this.#bytes = value.bytes
    this.#start = value.start + quotes
    this.#end = value.end - quotes
  }
  append(): void {
    if (this.#text === null) this.#builder.appendBytes(this.#bytes, this.#start, this.#end)
    else this.#builder.appendString(this.#text)
  }
}

/** Bytes are base64 text, as Kafka Connect's JSON converter and Protobuf's JSON mapping write them. */
class Base64Conversion implements Conversion {
  readonly #builder: BinaryBuilder
  #decoded: Uint8Array = new Uint8Array(0)

  constructor(builder: BinaryBuilder) {
    this.#builder = builder
  }
  prepare(value: JsonValue): void {
    const quoted = value.kind === Token.string || value.kind === Token.escaped
    const text = quoted ? (JSON.parse(utf8Of(value)) as string) : null
    if (text === null || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
      throw wrongKind('base64 text')
    this.#decoded = Buffer.from(text, 'base64')
  }
  append(): void {
    this.#builder.appendBytes(this.#decoded, 0, this.#decoded.length)
  }
}

/** An integer in 64 bits, given as a number or as a string that holds one. */
function integerOf(value: JsonValue): bigint {
  const integer = unscaledDecimal(numberText(value), 0, 19)
  if (integer === null || BigInt.asIntN(64, integer) !== integer) throw outOfRange('a 64-bit integer')
  return integer
}

function numberText(value: JsonValue): string {
  if (value.kind === Token.int || value.kind === Token.number) return textOf(value)
  const text = value.kind === Token.string ? unquoted(value) : ''
  if (!isJsonNumber(text)) throw wrongKind('a number')
  return text
}

function textOf(value: JsonValue): string {
  return Buffer.from(
    value.bytes.buffer,
    value.bytes.byteOffset + value.start,
    value.end - value.start,
  ).toString('latin1')
}

function unquoted(value: JsonValue): string {
  return textOf(value).slice(1, -1)
}

function utf8Of(value: JsonValue): string {
  return Buffer.from(
    value.bytes.buffer,
    value.bytes.byteOffset + value.start,
    value.end - value.start,
  ).toString('utf8')
}

export function wrongKind(wanted: string): JsonValueError {
  return new JsonValueError(`The value is not ${wanted}`, 'RECORD_MALFORMED')
}

export function outOfRange(target: string): JsonValueError {
  return new JsonValueError(`The value has no exact place in ${target}`, 'VALUE_OUT_OF_RANGE')
}
