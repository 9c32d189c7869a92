// The rows of one table on their way into a batch: column builders and the decoders that write into them, made
// once per schema. Rows come from COPY in binary, or as tuples of the log.
import { Operation } from '#catalog/change-batch.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { columnBuilder } from '#catalog/column-builder.ts'
import type { TableSchema } from '#catalog/types.ts'
import { DataError, SyncError } from '#common/errors.ts'
import type { Append } from './binary-values.ts'
import { binaryAppender } from './binary-values.ts'
import type { RelationColumn } from './relation.ts'
import { hasBinaryForm } from './server-types.ts'
import { textAppender } from './text-values.ts'
import type { Tuple } from './tuple.ts'
import { TupleKind } from './tuple.ts'

export class RowBuffer {
  readonly table: string
  readonly schema: TableSchema
  readonly #builders: ColumnBuilder[]
  readonly #binary: Append[]
  readonly #text: Append[]
  #operations = new Uint8Array(1024)
  #sequences = new BigInt64Array(1024)
  #insertsOnly = true
  #rows = 0

  /** `columns` in the order of the wire; `schema` describes the same columns. */
  constructor(table: string, schema: TableSchema, columns: readonly RelationColumn[]) {
    this.table = table
    this.schema = schema
    this.#builders = columns.map(({ type }) => columnBuilder(type.column))
    // What has no binary form was selected as text.
    this.#binary = columns.map(({ type }, index) =>
      (hasBinaryForm(type) ? binaryAppender : textAppender)(type, this.#builders[index]!),
    )
    this.#text = columns.map(({ type }, index) => textAppender(type, this.#builders[index]!))
  }

  get rows(): number {
    return this.#rows
  }

  get byteLength(): number {
    let bytes = this.#rows * 9
    for (const builder of this.#builders) bytes += builder.byteLength
    return bytes
  }

  /**
   * Appends a row of COPY in binary form and returns where it ends.
   * @throws DataError; the row is then left out
   *
   *   Row   ::= fields:Int16 field*
   *   field ::= size:Int32(-1: null) Byte[size]
   */
  appendCopyRow(bytes: Buffer, start: number, sequence: bigint): void {
    let at = start
    let column = 0
    try {
      for (; column < this.#builders.length; column++) {
        const size = int32(bytes, at)
        at += 4
        if (size < 0) this.#builders[column]!.appendNull()
        else {
          this.#binary[column]!(bytes, at, at + size)
          at += size
        }
      }
    } catch (error) {
      throw this.#leftOut(error, column)
    }
    this.#close(Operation.insert, sequence)
  }

  /**
   * Appends a tuple of the log. Values the new tuple leaves out are taken from `old` where it has them.
   * @throws DataError; the row is then left out
   */
  appendTuple(tuple: Tuple, old: Tuple | null, operation: Operation, sequence: bigint): void {
    let column = 0
    try {
      for (; column < this.#builders.length; column++) {
        let from = tuple
        if (
          tuple.kinds[column] === TupleKind.unchanged &&
          old !== null &&
          old.kinds[column] !== TupleKind.null
        )
          from = old
        this.#appendValue(from, column)
      }
    } catch (error) {
      throw this.#leftOut(error, column)
    }
    this.#close(operation, sequence)
  }

  /** Hands over the rows and starts afresh. */
  finish(): ChangeBatch {
    const length = this.#rows
    const batch = {
      schema: this.schema,
      length,
      columns: this.#builders.map(builder => builder.finish()),
      operations: this.#insertsOnly ? null : this.#operations.slice(0, length),
      sequences: this.#sequences.slice(0, length),
    }
    this.#rows = 0
    this.#insertsOnly = true
    return batch
  }

  #appendValue(tuple: Tuple, column: number): void {
    switch (tuple.kinds[column]) {
      case TupleKind.binary:
        this.#binary[column]!(tuple.bytes, tuple.starts[column]!, tuple.ends[column]!)
        return
      case TupleKind.text:
        this.#text[column]!(tuple.bytes, tuple.starts[column]!, tuple.ends[column]!)
        return
      case TupleKind.unchanged:
        this.#builders[column]!.appendUnchanged()
        return
      default:
        this.#builders[column]!.appendNull()
    }
  }

  #close(operation: Operation, sequence: bigint): void {
    const row = this.#rows++
    if (row === this.#operations.length) this.#grow()
    this.#operations[row] = operation
    if (operation !== Operation.insert) this.#insertsOnly = false
    this.#sequences[row] = sequence
  }

  #grow(): void {
    const operations = new Uint8Array(this.#rows * 2)
    operations.set(this.#operations)
    this.#operations = operations
    const sequences = new BigInt64Array(this.#rows * 2)
    sequences.set(this.#sequences)
    this.#sequences = sequences
  }

  /** Undoes the half-made row and puts names to the error. */
  #leftOut(error: unknown, column: number): unknown {
    for (const builder of this.#builders) builder.truncate(this.#rows)
    if (!(error instanceof SyncError)) return error
    const name = this.schema.columns[column]?.name ?? '?'
    return new DataError(`${this.table}, column ${name}: ${error.message}`, {
      code: error.code,
      context: { table: this.table, column: name },
      cause: error.cause,
    })
  }
}

function int32(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
