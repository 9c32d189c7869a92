// Records of one partition into a ChangeBatch: the parts of a row are chosen once, by where each column comes from.
//
// Append table (no key): every record is an insert. Keyed table: a record is an update (insert or replace), one
// with a null value a delete.
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { Operation } from '#catalog/change-batch.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { Int64Builder, columnBuilder } from '#catalog/column-builder.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import type { JsonColumn } from '#catalog/json/json-column.ts'
import { DataError, invariant } from '#common/errors.ts'
import type { ColumnOrigin } from './column-origin.ts'
import { columnOrigins } from './column-origin.ts'
import type { RecordCursor } from './record-batch.ts'
import type { RowPart } from './row-part.ts'
import {
  HeaderPart,
  KeyMembersPart,
  KeyPart,
  NullPart,
  NumberPart,
  RawValuePart,
  TimestampPart,
  ValuePart,
} from './row-part.ts'
import type { SequenceCounter } from './sequence.ts'

export interface DecoderOptions {
  topic: string
  partition: number
  schema: TableSchema
  /** The VirtualTable of the topic, when people wrote one. */
  declared: VirtualTableSpec | undefined
  sequence: SequenceCounter
}

interface Field {
  column: Column
  builder: ColumnBuilder
  origin: ColumnOrigin
  inKey: boolean
}

export class RecordDecoder {
  readonly #options: DecoderOptions
  readonly #builders: readonly ColumnBuilder[]
  readonly #sequences = new Int64Builder({ kind: 'int64' })
  readonly #upsert: readonly RowPart[]
  /** Null for an append table. */
  readonly #delete: readonly RowPart[] | null
  #operations: Uint8Array = new Uint8Array(1024)

  /** @throws ConfigError SPEC_INVALID when a column cannot hold what it comes from */
  constructor(options: DecoderOptions) {
    this.#options = options
    const { columns, key } = options.schema
    const origins = columnOrigins(columns, options.declared)
    const fields = columns.map((column, index): Field => {
      const inKey = key.includes(column.name)
      // A row of a keyed table without its key could never be found again.
      const strict = inKey ? { ...column, nullable: false } : column
      return { column: strict, builder: columnBuilder(column.type), origin: origins[index]!, inKey }
    })
    this.#builders = fields.map(field => field.builder)
    this.#upsert = rowParts(fields, options.partition)
    this.#delete = key.length === 0 ? null : deleteParts(fields, options.partition)
  }

  get length(): number {
    return this.#sequences.length
  }

  /** Bytes of the rows so far. */
  get byteLength(): number {
    let bytes = this.length * 9
    for (const builder of this.#builders) bytes += builder.byteLength
    return bytes
  }

  /**
   * Appends the record, or nothing of it.
   * @throws DataError RECORD_MALFORMED, VALUE_OUT_OF_RANGE naming topic, partition, offset and column
   */
  decode(record: RecordCursor): void {
    const deletes = record.valueStart < 0 && this.#delete !== null
    const parts = deletes ? this.#delete! : this.#upsert
    try {
      for (const part of parts) part.prepare(record)
    } catch (error) {
      throw this.#located(error, record)
    }
    for (const part of parts) part.append()
    if (this.#delete !== null) this.#note(deletes ? Operation.delete : Operation.update)
    this.#options.sequence.append(record.timestampMs, this.#sequences)
  }

  /** Hands over the rows and starts afresh. */
  finish(): ChangeBatch {
    const { length } = this
    const columns = this.#builders.map(builder => builder.finish())
    const sequences = this.#sequences.finish()
    invariant(sequences.layout === 'int64', 'Sequences are 64-bit integers')
    const operations = this.#delete === null ? null : this.#operations.slice(0, length)
    return {
      schema: this.#options.schema,
      length,
      columns,
      operations,
      sequences: sequences.values.subarray(0, length),
    }
  }

  #note(operation: Operation): void {
    const row = this.length
    if (row === this.#operations.length) {
      const grown = new Uint8Array(row * 2)
      grown.set(this.#operations)
      this.#operations = grown
    }
    this.#operations[row] = operation
  }

  #located(error: unknown, record: RecordCursor): unknown {
    if (!(error instanceof DataError)) return error
    const { topic, partition } = this.#options
    return new DataError(`${error.message} (record ${record.offset} of ${topic}/${partition})`, {
      code: error.code,
      context: { topic, partition, offset: record.offset, ...error.context },
    })
  }
}

function rowParts(fields: readonly Field[], partition: number): RowPart[] {
  const value = jsonColumns(fields, 'value')
  const keyMembers = jsonColumns(fields, 'keyMember')
  return [
    ...(value.length > 0 ? [new ValuePart(value)] : []),
    ...(keyMembers.length > 0 ? [new KeyMembersPart(keyMembers)] : []),
    ...fields.flatMap(field => singlePart(field, partition) ?? []),
  ]
}

function jsonColumns(fields: readonly Field[], kind: 'value' | 'keyMember'): JsonColumn[] {
  return fields.flatMap(({ column, builder, origin }) =>
    origin.kind === kind && !isRaw(column, origin) ? [{ column, builder, path: origin.path }] : [],
  )
}

/** The whole value as bytes is not looked into. */
function isRaw(column: Column, origin: ColumnOrigin): boolean {
  return origin.kind === 'value' && origin.path.length === 0 && column.type.kind === 'bytes'
}

function singlePart(field: Field, partition: number): RowPart | null {
  const { origin, builder } = field
  switch (origin.kind) {
    case 'value':
      return isRaw(field.column, origin) ? new RawValuePart(field) : null
    case 'keyMember':
      return null
    case 'key':
      return new KeyPart(field)
    case 'header':
      return new HeaderPart(field, origin.name)
    case 'offset':
      return new NumberPart(builder, record => record.offset)
    case 'partition':
      return new NumberPart(builder, () => partition)
    case 'timestamp':
      return new TimestampPart(field)
  }
}

/**
 * A record with a null value has nothing but its key (and headers, offset …) to say which row goes. Key columns
 * that come from the value are found there when there is just one: the key's text then is its value.
 */
function deleteParts(fields: readonly Field[], partition: number): RowPart[] {
  const keyFields = fields.filter(field => field.inKey)
  const fromValue = keyFields.filter(({ origin }) => origin.kind === 'value')
  const rest = fields.filter(field => !field.inKey).map(field => new NullPart(field.builder))
  if (fromValue.length === 0) return [...rowParts(keyFields, partition), ...rest]
  if (keyFields.length === 1) return [new KeyPart(keyFields[0]!), ...rest]
  return [new UnknownKeyPart(), ...rest]
}

class UnknownKeyPart implements RowPart {
  prepare(): void {
    throw new DataError(
      'A null value deletes a row, but the key columns come from the value: declare them with `from: key.NAME`',
      { code: 'RECORD_MALFORMED' },
    )
  }
  append(): void {
    // Never reached: no such row can be prepared.
  }
}
