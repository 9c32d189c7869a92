// Batches as people read them, and a target in memory that applies them.
import { Operation } from '#catalog/change-batch.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import type { SourceChunk } from '#connectors/connector.ts'

/** null, a text, a number, or a list of these. */
export type Value = string | null | Value[]

export interface Row {
  operation: Operation
  sequence: bigint
  /** Columns the source left out as unchanged are missing. */
  values: Record<string, Value>
}

export function rowsOf(batch: ChangeBatch): Row[] {
  return Array.from({ length: batch.length }, (_, row) => ({
    operation: (batch.operations?.[row] ?? Operation.insert) as Operation,
    sequence: batch.sequences[row]!,
    values: Object.fromEntries(
      batch.schema.columns.flatMap(({ name }, index) => {
        const column = batch.columns[index]!
        if (column.length !== batch.length)
          throw new Error(`${name} has ${column.length} of ${batch.length} rows`)
        return column.unchanged && bitAt(column.unchanged, row) ? [] : [[name, valueAt(column, row)]]
      }),
    ),
  }))
}

/** Timestamps are microseconds since 1970, dates ISO, bytes hexadecimal, decimals and integers plain digits. */
export function valueAt(column: ColumnVector, row: number): Value {
  if (isNull(column, row)) return null
  switch (column.layout) {
    case 'bits':
      return String(bitAt(column.values, row))
    case 'int32': {
      const value = column.values[row]!
      return column.type.kind === 'date'
        ? new Date(value * 86_400_000).toISOString().slice(0, 10)
        : String(value)
    }
    case 'int64':
    case 'float32':
    case 'float64':
      return Object.is(column.values[row], -0) ? '-0' : String(column.values[row])
    case 'fixed':
      return decimalText(column.values.subarray(row * column.width, (row + 1) * column.width), column)
    case 'binary': {
      const bytes = Buffer.from(column.data.subarray(column.offsets[row], column.offsets[row + 1]))
      return bytes.toString(column.type.kind === 'bytes' ? 'hex' : 'utf8')
    }
    case 'list':
      return Array.from({ length: column.offsets[row + 1]! - column.offsets[row]! }, (_, index) =>
        valueAt(column.child, column.offsets[row]! + index),
      )
    case 'struct':
      throw new Error('PostgreSQL has no struct columns')
  }
}

function decimalText(bytes: Uint8Array, column: ColumnVector): string {
  const scale = column.type.kind === 'decimal' ? column.type.scale : 0
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  return `${unscaled < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`
}

/** What a target would hold: rows by key, the newest change of each winning. */
export class Replica {
  /** Of each table its rows by key. */
  readonly tables = new Map<string, Map<string, Record<string, Value>>>()
  /** Of each key the sequence of its newest change. */
  readonly #sequences = new Map<string, bigint>()

  apply(chunk: SourceChunk): void {
    for (const { table, truncate, batch } of chunk.changes) {
      if (truncate) this.tables.set(table, new Map())
      for (const row of rowsOf(batch)) this.#applyRow(table, batch.schema.key, row)
    }
  }

  rows(table: string): Record<string, Value>[] {
    return [...(this.tables.get(table) ?? new Map<string, Record<string, Value>>())]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row)
  }

  #applyRow(table: string, keyColumns: readonly string[], row: Row): void {
    let rows = this.tables.get(table)
    if (!rows) this.tables.set(table, (rows = new Map()))
    const key = JSON.stringify(keyColumns.map(column => row.values[column]))
    const id = `${table} ${key}`
    const before = this.#sequences.get(id)
    if (before !== undefined && before > row.sequence) return
    this.#sequences.set(id, row.sequence)
    if (row.operation === Operation.delete) rows.delete(key)
    else rows.set(key, { ...rows.get(key), ...row.values })
  }
}
