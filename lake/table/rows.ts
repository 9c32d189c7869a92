// Rows on their way into a file: the source's columns in the order of the table, then the lake's own.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { Operation } from '#catalog/change-batch.ts'
import type { BooleanVector, ColumnVector, Int64Vector } from '#catalog/column.ts'
import { vectorBytes } from '#catalog/column.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import { TextBuffer } from '#lake/key/record-key.ts'
import { nullVector, projectColumns } from './project.ts'
import { deletedColumn, operationColumn, sequenceColumn } from './columns.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'

const operationNames = ['insert', 'update', 'delete'] as const

/** The batch as the stored schema wants it. */
export function storedColumns(batch: ChangeBatch, stored: readonly Column[]): NamedVector[] {
  const fromSource = projectColumns(batch, stored)
  return stored.map(({ name }, index) => {
    if (name === sequenceColumn) return named(name, sequenceVector(batch))
    if (name === operationColumn) return named(name, operationVector(batch))
    if (name === deletedColumn) return named(name, deleteMarks(batch.length, batch.length))
    return named(name, fromSource[index]!)
  })
}

/** One row that says that all earlier rows are gone. */
export function truncateRow(schema: TableSchema, sequence: bigint): NamedVector[] {
  return schema.columns.map(({ name, type }) => {
    if (name === sequenceColumn) return named(name, int64Vector(BigInt64Array.of(sequence)))
    if (name === operationColumn) return named(name, constantStrings('truncate', 1))
    return named(name, nullVector(type, 1))
  })
}

/** Rows that say nothing but when their keys were deleted. */
export function deletedRows(schema: TableSchema, sequences: BigInt64Array): NamedVector[] {
  return schema.columns.map(({ name, type }) =>
    named(name, name === sequenceColumn ? int64Vector(sequences) : nullVector(type, sequences.length)),
  )
}

/** The `_hoodie_is_deleted` column: false for the first `live` rows, true for the others. */
export function deleteMarks(rows: number, live: number): BooleanVector {
  const values = new Uint8Array((rows + 7) >> 3)
  for (let row = live; row < rows; row++) values[row >> 3]! |= 1 << (row & 7)
  const head = { length: rows, nullCount: 0, validity: null, unchanged: null }
  return { ...head, type: { kind: 'boolean' }, layout: 'bits', values }
}

/** Whether the batch holds anything but inserts. */
export function hasOtherThanInserts({ operations, length }: ChangeBatch): boolean {
  return (
    operations !== null && operations.subarray(0, length).some(operation => operation !== Operation.insert)
  )
}

export function columnBytes(columns: readonly NamedVector[]): number {
  return columns.reduce((bytes, { vector }) => bytes + vectorBytes(vector), 0)
}

function named(name: string, vector: ColumnVector): NamedVector {
  return { name, vector, nullable: true }
}

function sequenceVector({ sequences, length }: ChangeBatch): Int64Vector {
  return int64Vector(sequences.length === length ? sequences : sequences.subarray(0, length))
}

function int64Vector(values: BigInt64Array): Int64Vector {
  const head = { length: values.length, nullCount: 0, validity: null, unchanged: null }
  return { ...head, type: { kind: 'int64' }, layout: 'int64', values }
}

function operationVector({ operations, length }: ChangeBatch): ColumnVector {
  if (operations === null) return constantStrings('insert', length)
  const text = new TextBuffer(length * 6)
  const offsets = new Int32Array(length + 1)
  const names = operationNames.map(name => Buffer.from(name))
  for (let row = 0; row < length; row++) {
    const name = names[operations[row]!]!
    text.bytes(name, 0, name.length)
    offsets[row + 1] = text.end
  }
  const head = { length, nullCount: 0, validity: null, unchanged: null }
  return { ...head, type: { kind: 'string' }, layout: 'binary', offsets, data: text.data }
}
