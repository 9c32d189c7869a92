// Turns the messages of the log into changes of tables. Pure: bytes in, rows in column builders out; whoever
// drives it decides when a chunk ends. Changes before a table's own position are skipped: a table snapshotted
// later than the others is still in the log from before.
import { DataError, invariant } from '#common/errors.ts'
import { Operation } from '#catalog/change-batch.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { TableChanges } from '../connector.ts'
import { LogMessage, TupleRole, parseBegin, parseCommitEnd, parseTruncate } from './pgoutput.ts'
import type { RelationColumn } from './relation.ts'
import { RowBuffer } from './row-buffer.ts'
import { Tuple } from './tuple.ts'

/** How the changes of a relation are read. */
export interface LoggedTable {
  name: string
  schema: TableSchema
  /** In the order of the log's tuples. */
  columns: readonly RelationColumn[]
  /** Transactions whose commit record begins before this are skipped. */
  from: bigint
}

/**
 * What handle() needs before it can go on: `relation`: define() for the current message, a Relation;
 * `row`: the current message gives a row a new key but not all its values, resolve() it.
 */
export type Wanted = 'nothing' | 'relation' | 'row'

interface OpenTable extends LoggedTable {
  keyColumns: readonly number[]
  buffer: RowBuffer | null
  truncate: { sequence: bigint } | null
}

/** A buffer that held this many rows is kept for the next chunk; smaller ones are given back. */
const busyRows = 256

export class LogAssembler {
  /** True between Begin and Commit. */
  inTransaction = false
  /** Where the commit record of the last whole transaction ends. */
  committedTo = 0n
  /** Commit time of the newest row, ms since the epoch; null when there is none. */
  newestAtMs: number | null = null
  /** The row that handle() wants to be resolved, and its table. */
  readonly row = new Tuple()
  rowTable: LoggedTable | null = null
  readonly #old = new Tuple()
  readonly #tables = new Map<number, OpenTable | null>()
  readonly #touched = new Set<OpenTable>()
  #closed: TableChanges[] = []
  readonly #onBadRecord: (error: DataError) => void
  #sequence = 0n
  #committedAtMs = 0

  constructor(onBadRecord: (error: DataError) => void) {
    this.#onBadRecord = onBadRecord
  }

  /** True when there is something to take. */
  get hasChanges(): boolean {
    return this.#closed.length > 0 || this.#touched.size > 0
  }

  get byteLength(): number {
    let bytes = 0
    for (const table of this.#touched) bytes += table.buffer?.byteLength ?? 0
    return bytes
  }

  tableOf(relation: number): LoggedTable | null | undefined {
    return this.#tables.get(relation)
  }

  /** Says how a relation's changes are read from now on; null: not at all. Changes taken before must be taken away. */
  define(relation: number, table: LoggedTable | null): void {
    const known = this.#tables.get(relation)
    if (known) this.#touched.delete(known)
    if (!table) return void this.#tables.set(relation, null)
    const keyColumns = table.schema.key.map(key => table.columns.findIndex(column => column.name === key))
    invariant(!keyColumns.includes(-1), 'A key column is not in the log', { table: table.name })
    this.#tables.set(relation, { ...table, keyColumns, buffer: null, truncate: null })
  }

  /** Handles the message at `at`. */
  handle(bytes: Buffer, at: number): Wanted {
    switch (bytes[at]) {
      case LogMessage.insert:
        return this.#insert(bytes, at + 1)
      case LogMessage.update:
        return this.#update(bytes, at + 1)
      case LogMessage.delete:
        return this.#delete(bytes, at + 1)
      case LogMessage.begin: {
        const begin = parseBegin(bytes, at + 1)
        this.inTransaction = true
        this.#sequence = begin.commitLsn
        this.#committedAtMs = begin.committedAtMs
        return 'nothing'
      }
      case LogMessage.commit:
        this.inTransaction = false
        this.committedTo = parseCommitEnd(bytes, at + 1)
        return 'nothing'
      case LogMessage.truncate:
        for (const relation of parseTruncate(bytes, at + 1)) this.#truncate(relation)
        return 'nothing'
      case LogMessage.relation:
        return 'relation'
      default:
        // Origin, Type and Message say nothing about rows.
        return 'nothing'
    }
  }

  /** Finishes the update handle() wanted a row for; `values` has what the log left out. */
  resolve(values: Tuple | null): void {
    const table = this.rowTable as OpenTable
    this.#append(table, this.row, values, Operation.insert)
  }

  /** Hands over all changes since the last time. */
  take(): TableChanges[] {
    for (const table of this.#touched) this.#close(table)
    const changes = this.#closed
    this.#touched.clear()
    this.#closed = []
    this.newestAtMs = null
    return changes
  }

  #insert(bytes: Buffer, at: number): Wanted {
    const table = this.#wanted(bytes, at)
    if (!table) return 'nothing'
    this.row.read(bytes, at + 5)
    this.#append(table, this.row, null, Operation.insert)
    return 'nothing'
  }

  #update(bytes: Buffer, at: number): Wanted {
    const table = this.#wanted(bytes, at)
    if (!table) return 'nothing'
    const { row } = this
    const role = bytes[at + 4]
    if (role === TupleRole.newRow) {
      row.read(bytes, at + 5)
      this.#append(table, row, null, Operation.update)
      return 'nothing'
    }
    const old = this.#old
    row.read(bytes, old.read(bytes, at + 5) + 1)
    if (table.keyColumns.length > 0 && table.keyColumns.every(column => row.sameValue(old, column))) {
      this.#append(table, row, old, Operation.update)
      return 'nothing'
    }
    // The row leaves its old key, or, in a table without one, is told as what goes and what comes.
    this.#append(table, old, null, Operation.delete)
    if (role === TupleRole.oldKey && row.hasUnchanged()) {
      this.rowTable = table
      return 'row'
    }
    this.#append(table, row, old, Operation.insert)
    return 'nothing'
  }

  #delete(bytes: Buffer, at: number): Wanted {
    const table = this.#wanted(bytes, at)
    if (!table) return 'nothing'
    this.#old.read(bytes, at + 5)
    this.#append(table, this.#old, null, Operation.delete)
    return 'nothing'
  }

  #truncate(relation: number): void {
    const table = this.#tables.get(relation)
    if (!table || this.#sequence < table.from) return
    this.#close(table)
    table.truncate = { sequence: this.#sequence }
    this.#touch(table)
  }

  /** The table a change is for, unless it is not to be read. */
  #wanted(bytes: Buffer, at: number): OpenTable | null {
    const relation =
      ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
    const table = this.#tables.get(relation)
    invariant(table !== undefined, 'The log tells of a relation it has not described', { relation })
    return table && this.#sequence >= table.from ? table : null
  }

  #append(table: OpenTable, row: Tuple, old: Tuple | null, operation: Operation): void {
    table.buffer ??= new RowBuffer(table.name, table.schema, table.columns)
    this.#touch(table)
    try {
      table.buffer.appendTuple(row, old, operation, this.#sequence)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      this.#onBadRecord(error)
    }
  }

  #touch(table: OpenTable): void {
    this.#touched.add(table)
    this.newestAtMs = this.#committedAtMs
  }

  #close(table: OpenTable): void {
    const { name, truncate, buffer } = table
    if (!truncate && (!buffer || buffer.rows === 0)) return
    const held = buffer ?? new RowBuffer(name, table.schema, table.columns)
    table.buffer = held.rows >= busyRows ? held : null
    table.truncate = null
    this.#closed.push({ table: name, truncate, batch: held.finish() })
  }
}
