// The parts a row is put together from: each feeds one column or several from one place of the record. As in
// catalog/json, prepare() may fail and append() may not, so a bad record leaves no partial row.
import { isUtf8 } from 'node:buffer'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { BinaryBuilder, Int32Builder, Int64Builder } from '#catalog/column-builder.ts'
import type { JsonColumn } from '#catalog/json/json-column.ts'
import { JsonColumns } from '#catalog/json/columns.ts'
import type { Column } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import type { RecordCursor } from './record-batch.ts'
import { findHeader } from './record-headers.ts'

export interface RowPart {
  /** @throws DataError RECORD_MALFORMED, VALUE_OUT_OF_RANGE with the column in its context */
  prepare(record: RecordCursor): void
  append(): void
}

/** Columns from members of the value; of a null value all are missing. */
export class ValuePart implements RowPart {
  readonly #columns: JsonColumns

  constructor(columns: readonly JsonColumn[]) {
    this.#columns = new JsonColumns(columns)
  }
  prepare(record: RecordCursor): void {
    if (record.valueStart < 0) this.#columns.prepareMissing()
    else this.#columns.prepare(record.bytes, record.valueStart, record.valueEnd)
  }
  append(): void {
    this.#columns.append()
  }
}

/** Columns from members of the key, which is a JSON document too. */
export class KeyMembersPart implements RowPart {
  readonly #columns: JsonColumns

  constructor(columns: readonly JsonColumn[]) {
    this.#columns = new JsonColumns(columns)
  }
  prepare(record: RecordCursor): void {
    if (record.keyStart < 0) this.#columns.prepareMissing()
    else this.#columns.prepare(record.bytes, record.keyStart, record.keyEnd)
  }
  append(): void {
    this.#columns.append()
  }
}

export interface PlainColumn {
  column: Column
  builder: ColumnBuilder
}

/** One column from plain bytes (a key, a header): text and bytes as they are, other types as JSON scalars. */
abstract class PlainPart implements RowPart {
  readonly #column: Column
  readonly #builder: ColumnBuilder
  readonly #scalar: JsonColumns | null
  #bytes: Uint8Array = new Uint8Array(0)
  #start = -1
  #end = 0

  constructor({ column, builder }: PlainColumn) {
    this.#column = column
    this.#builder = builder
    this.#scalar = builder instanceof BinaryBuilder ? null : new JsonColumns([{ column, builder, path: [] }])
  }

  abstract prepare(record: RecordCursor): void

  append(): void {
    if (this.#scalar !== null) this.#scalar.append()
    else if (this.#start < 0) this.#builder.appendNull()
    else (this.#builder as BinaryBuilder).appendBytes(this.#bytes, this.#start, this.#end)
  }

  /** Start −1: there is no value. */
  protected take(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    if (this.#scalar !== null) {
      if (start < 0) this.#scalar.prepareMissing()
      else this.#prepareScalar(this.#scalar, start, end)
    } else if (start < 0) {
      if (!this.#column.nullable) throw malformed(this.#column, 'has no value and may not be null')
    } else if (this.#column.type.kind === 'string' && !isText(bytes, start, end))
      throw malformed(this.#column, 'is not UTF-8 text')
  }

  #prepareScalar(scalar: JsonColumns, start: number, end: number): void {
    try {
      scalar.prepare(this.#bytes, start, end)
    } catch (error) {
      if (!(error instanceof DataError) || error.context['column'] !== undefined) throw error
      throw malformed(this.#column, `is not a ${this.#column.type.kind}`)
    }
  }
}

export class KeyPart extends PlainPart {
  override prepare(record: RecordCursor): void {
    this.take(record.bytes, record.keyStart, record.keyEnd)
  }
}

/** The value's bytes as they are, in whatever form. */
export class RawValuePart extends PlainPart {
  override prepare(record: RecordCursor): void {
    this.take(record.bytes, record.valueStart, record.valueEnd)
  }
}

export class HeaderPart extends PlainPart {
  readonly #name: Uint8Array

  constructor(column: PlainColumn, name: string) {
    super(column)
    this.#name = new TextEncoder().encode(name)
  }
  override prepare(record: RecordCursor): void {
    const found = findHeader(record.bytes, record.headersStart, this.#name)
    if (found === null) this.take(record.bytes, -1, 0)
    else this.take(record.bytes, found.start, found.end)
  }
}

/** One column from a number that every record has. */
export class NumberPart implements RowPart {
  readonly #builder: ColumnBuilder
  readonly #read: (record: RecordCursor) => number
  #value = 0

  constructor(builder: ColumnBuilder, read: (record: RecordCursor) => number) {
    this.#builder = builder
    this.#read = read
  }
  prepare(record: RecordCursor): void {
    this.#value = this.#read(record)
  }
  append(): void {
    if (this.#builder instanceof Int64Builder) this.#builder.appendNumber(this.#value)
    else (this.#builder as Int32Builder).append(this.#value)
  }
}

/** The record's timestamp; producers before Kafka 0.10 set none. */
export class TimestampPart implements RowPart {
  readonly #column: Column
  readonly #builder: Int64Builder
  #timestampMs = 0

  constructor({ column, builder }: PlainColumn) {
    this.#column = column
    this.#builder = builder as Int64Builder
  }
  prepare(record: RecordCursor): void {
    this.#timestampMs = record.timestampMs
    if (record.timestampMs < 0 && !this.#column.nullable)
      throw malformed(this.#column, 'has no value and may not be null')
    if (record.timestampMs >= 253_402_300_800_000)
      throw new DataError(`Column ${this.#column.name}: the record's timestamp is after the year 9999`, {
        code: 'VALUE_OUT_OF_RANGE',
        context: { column: this.#column.name },
      })
  }
  append(): void {
    if (this.#timestampMs < 0) this.#builder.appendNull()
    else if (this.#timestampMs <= 9_000_000_000_000) this.#builder.appendNumber(this.#timestampMs * 1000)
    else this.#builder.append(BigInt(this.#timestampMs) * 1000n)
  }
}

/** Null, whatever the record says: the columns of a delete that are no key. */
export class NullPart implements RowPart {
  readonly #builder: ColumnBuilder

  constructor(builder: ColumnBuilder) {
    this.#builder = builder
  }
  prepare(): void {
    // Nothing can fail.
  }
  append(): void {
    this.#builder.appendNull()
  }
}

function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! > 0x7f) return isUtf8(bytes.subarray(at, end))
  return true
}

function malformed(column: Column, what: string): DataError {
  return new DataError(`Column ${column.name} ${what}`, {
    code: 'RECORD_MALFORMED',
    context: { column: column.name },
  })
}
