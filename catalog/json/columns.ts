// JSON documents into column builders: one scanner and one conversion per column, made once per schema. A row is
// prepared first (everything that can fail) and appended then (what cannot), so a bad record leaves nothing behind.
import { isNested } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import type { Conversion, JsonValue } from './conversion.ts'
import { JsonValueError, conversionFor } from './conversion.ts'
import type { JsonColumn } from './json-column.ts'
import { nestedConversion } from './nested-conversion.ts'
import { pathTree } from './path-tree.ts'
import { JsonScanner, JsonSyntaxError, Token } from './scanner.ts'

export class JsonColumns {
  readonly #columns: readonly JsonColumn[]
  readonly #conversions: readonly Conversion[]
  readonly #slots: readonly number[]
  readonly #scanner: JsonScanner
  /** 1 where the prepared row is null. */
  readonly #nulls: Uint8Array
  readonly #value: JsonValue = { bytes: new Uint8Array(0), kind: Token.missing, start: 0, end: 0, number: 0 }

  constructor(columns: readonly JsonColumn[]) {
    const tree = pathTree(columns.map(column => column.path))
    this.#columns = columns
    this.#conversions = columns.map(conversionOf)
    this.#slots = tree.slots
    this.#scanner = new JsonScanner(tree)
    this.#nulls = new Uint8Array(columns.length)
  }

  /**
   * Reads the document at bytes[start, end), which must not change before append().
   * @throws DataError RECORD_MALFORMED, VALUE_OUT_OF_RANGE with the column in its context
   */
  prepare(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#scanner.scan(bytes, start, end)
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error
      throw new DataError('The record is not valid JSON', { code: 'RECORD_MALFORMED' })
    }
    this.#value.bytes = bytes
    this.#convert()
  }

  /** Prepares a row in which every column is missing. @throws DataError RECORD_MALFORMED when one may not be */
  prepareMissing(): void {
    this.#scanner.clear()
    this.#convert()
  }

  /** Appends the prepared row to every builder. */
  append(): void {
    const nulls = this.#nulls
    for (let index = 0; index < nulls.length; index++) {
      if (nulls[index] === 1) this.#columns[index]!.builder.appendNull()
      else this.#conversions[index]!.append()
    }
  }

  #convert(): void {
    const { kinds, starts, ends, numbers } = this.#scanner
    const value = this.#value
    const slots = this.#slots
    for (let index = 0; index < slots.length; index++) {
      const slot = slots[index]!
      const kind = kinds[slot]! as Token
      if (kind <= Token.null) {
        if (!this.#columns[index]!.column.nullable) throw this.#missing(index)
        this.#nulls[index] = 1
        continue
      }
      this.#nulls[index] = 0
      value.kind = kind
      value.start = starts[slot]!
      value.end = ends[slot]!
      value.number = numbers[slot]!
      try {
        this.#conversions[index]!.prepare(value)
      } catch (error) {
        throw this.#named(error, index)
      }
    }
  }

  #missing(index: number): DataError {
    const { name } = this.#columns[index]!.column
    return new DataError(`Column ${name} has no value and may not be null`, {
      code: 'RECORD_MALFORMED',
      context: { column: name },
    })
  }

  #named(error: unknown, index: number): unknown {
    const { name } = this.#columns[index]!.column
    if (error instanceof JsonValueError)
      return new DataError(`Column ${name}: ${error.message}`, {
        code: error.code,
        context: { column: name },
      })
    if (error instanceof DataError && String(error.context['column']).startsWith(`${name}.`)) return error
    if (error instanceof DataError)
      return new DataError(`Column ${name}: ${error.message}`, {
        code: error.code,
        context: { column: name },
      })
    return error
  }
}

function conversionOf({ builder, column }: JsonColumn): Conversion {
  if (!isNested(builder.type)) return conversionFor(builder)
  return nestedConversion(builder, column.name, columns => new JsonColumns(columns))
}
