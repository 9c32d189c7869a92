// What the logs of a file slice leave of its base file, and which of their own rows are part of the table, within a
// bound of memory. Logs that are short stay in memory as they are read. Of long ones only the keys are merged; the
// rows that turn out to be part of the table are read from the logs afterwards. When even the keys do not fit, they
// are merged part by part, each part reading the logs and the keys of the base file once.
import { bitAt, isNull } from '#catalog/column.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { openBaseFile } from './base-rows.ts'
import type { FileSlice } from './file-slice.ts'
import type { KeyIndex } from './key-index.ts'
import type { LogRecords, LogStep } from './log-reader.ts'
import { logEvents, recordsAt } from './log-reader.ts'
import type { KeyPart } from './merge.ts'
import { allKeys, LogMerge } from './merge.ts'
import type { Orderings } from './ordering.ts'
import { orderingsOf } from './ordering.ts'
import type { BlockPlace } from './stored-blocks.ts'
import type { TableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'
import type { Rows } from './wanted-rows.ts'
import { keyColumn, pickRows, recordKeyField } from './wanted-rows.ts'

const deletedField = '_hoodie_is_deleted'

export const logMemoryBytesDefault = 128 << 20
/** Logs in memory take about so many bytes for one that is stored. */
const expansion = 4

export interface MergeQuery {
  store: ObjectStore
  config: TableConfig
  timeline: Pick<TimelineView, 'isCommitted'>
  /** Columns whose values are wanted, of log rows. */
  names: readonly string[]
  /** Keys to keep rows and deletes of; null: all. */
  only: KeyIndex | null
  pause?: () => Promise<void>
  /** For what is held of the logs. */
  logMemoryBytes?: number
}

export interface SliceMerge {
  /** Rows of a piece of the base file that stay, asked once for each piece, in order; `firstRow` is its first of the file. */
  survivors: (piece: Rows, firstRow: number) => Int32Array
  /** The rows the logs brought, with the columns of those names that the block has. To be asked after the base file. */
  logRows: () => AsyncGenerator<Rows>
}

/** What base rows and log rows are merged by. */
export function mergeColumns({ orderingField }: TableConfig): string[] {
  return [recordKeyField, deletedField, ...(orderingField === null ? [] : [orderingField])]
}

export function mergeLogs(slice: FileSlice, query: MergeQuery): Promise<SliceMerge> {
  return new MergeRun(slice, query).run()
}

class MergeRun {
  readonly #slice: FileSlice
  readonly #query: MergeQuery
  /** Whether the rows of logs stay in memory. */
  readonly #isHeld: boolean
  readonly #memoryBytesMax: number
  /** By block, all that are held. */
  readonly #held = new Map<number, LogRecords>()
  readonly #places = new Map<number, BlockPlace>()
  /** Blocks of an instant before this one were rolled back. */
  readonly #voidBefore = new Map<InstantTime, number>()

  constructor(slice: FileSlice, query: MergeQuery) {
    this.#slice = slice
    this.#query = query
    const memory = query.logMemoryBytes ?? logMemoryBytesDefault
    const logBytes = slice.logs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    // Of a lookup only the rows it looks for are held, and its keys are in memory anyway.
    this.#isHeld = query.only !== null || logBytes * expansion * 2 <= memory
    this.#memoryBytesMax = query.only !== null ? Infinity : this.#isHeld ? memory / 2 : memory
  }

  async run(): Promise<SliceMerge> {
    const merge = await this.#pass(allKeys, this.#isHeld)
    if (merge.leftOut.length > 0) return this.#inParts(merge)
    const { path } = this.#slice.base ?? { path: '' }
    return {
      survivors: ({ columns }) => merge.survivors(keyColumn(columns, path), this.#orderings(columns)),
      logRows: () => this.#logRows(merge.winners()),
    }
  }

  /** Merges the keys of a part; `hold`: and keeps the rows. */
  async #pass(part: KeyPart, hold: boolean): Promise<LogMerge> {
    for (;;) {
      const merge = await this.#tryPass(part, hold)
      if (merge !== null) return merge
    }
  }

  /** Null when blocks turned out to be void that had been merged. */
  async #tryPass(part: KeyPart, hold: boolean): Promise<LogMerge | null> {
    const { config, names } = this.#query
    const merge = new LogMerge(config.mergeMode, { part, memoryBytesMax: this.#memoryBytesMax })
    const merged = new Set<InstantTime>()
    this.#held.clear()
    const needed = mergeColumns(config)
    const query = { ...this.#query, names: hold ? [...new Set([...needed, ...names])] : needed }
    for await (const { block, event } of logEvents(this.#slice.logs, query)) {
      const { instant } = event
      if (event.kind === 'rollback') {
        if ((this.#voidBefore.get(instant) ?? 0) >= block) continue
        this.#voidBefore.set(instant, block)
        if (merged.has(instant)) return null
      } else if (block >= (this.#voidBefore.get(instant) ?? 0)) {
        merged.add(instant)
        this.#add(merge, block, event)
        if (hold && event.kind === 'rows') this.#held.set(block, event.rows)
      }
    }
    return merge
  }

  #add(merge: LogMerge, source: number, step: LogStep): void {
    if (step.kind === 'delete') {
      merge.addDeletes(step.keys, step.orderings)
      return
    }
    const { columns, path, offset } = step.rows
    this.#places.set(source, { path, offset })
    const orderings = this.#orderings(columns)
    merge.addRows({ source, keys: keyColumn(columns, path), orderings, isDeleted: deletedRows(columns) })
  }

  async #inParts(first: LogMerge): Promise<SliceMerge> {
    const replaced = await BaseRowMarks.of(this.#slice, this.#query)
    const won = new Map<number, RowMarks>()
    const todo: KeyPart[] = []
    for (let merge: LogMerge | null = first; merge !== null;) {
      todo.push(...merge.leftOut)
      await replaced.mark(merge, columns => this.#orderings(columns))
      for (const [block, rows] of merge.winners()) {
        const marks = won.get(block) ?? new RowMarks()
        for (const row of rows) marks.add(row)
        won.set(block, marks)
      }
      const part = todo.pop()
      // What is held is held already.
      merge = part === undefined ? null : await this.#keysOnly(part)
    }
    return {
      survivors: ({ rows }, firstRow) => replaced.unmarked(firstRow, rows),
      logRows: () => this.#logRows(won),
    }
  }

  async #keysOnly(part: KeyPart): Promise<LogMerge> {
    const held = new Map(this.#held)
    const merge = await this.#pass(part, false)
    for (const [block, rows] of held) this.#held.set(block, rows)
    return merge
  }

  async *#logRows(won: ReadonlyMap<number, Int32Array | RowMarks>): AsyncGenerator<Rows> {
    for (const [block, marks] of won) {
      const rows = marks instanceof RowMarks ? marks.rows() : marks
      const held = this.#held.get(block)
      if (held !== undefined) yield { rows: rows.length, columns: pickRows(this.#named(held), rows) }
      else yield* recordsAt(this.#places.get(block)!, rows, this.#query)
    }
  }

  #named({ columns }: LogRecords): readonly NamedVector[] {
    return columns.filter(({ name }) => this.#query.names.includes(name))
  }

  #orderings(columns: readonly NamedVector[]): Orderings | null {
    const { mergeMode, orderingField } = this.#query.config
    if (mergeMode === 'commit') return null
    const found = columns.find(({ name }) => name === orderingField)
    return found === undefined ? null : orderingsOf(found.vector)
  }
}

function deletedRows(columns: readonly NamedVector[]): ((row: number) => boolean) | null {
  const vector = columns.find(({ name }) => name === deletedField)?.vector
  if (vector?.layout !== 'bits') return null
  return row => !isNull(vector, row) && bitAt(vector.values, row)
}

/** A set of row numbers, a bit each. */
class RowMarks {
  #bits = new Uint8Array(64)

  add(row: number): void {
    const byte = row >> 3
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(byte + 1, this.#bits.length * 2))
      grown.set(this.#bits)
      this.#bits = grown
    }
    this.#bits[byte]! |= 1 << (row & 7)
  }

  rows(): Int32Array {
    const rows: number[] = []
    for (let row = 0; row < this.#bits.length * 8; row++) if (bitAt(this.#bits, row)) rows.push(row)
    return Int32Array.from(rows)
  }
}

/** The rows of the base file that the logs replace. */
class BaseRowMarks {
  readonly #slice: FileSlice
  readonly #query: MergeQuery
  readonly #bits: Uint8Array

  private constructor(slice: FileSlice, query: MergeQuery, rows: number) {
    this.#slice = slice
    this.#query = query
    this.#bits = new Uint8Array((rows + 7) >> 3)
  }

  static async of(slice: FileSlice, query: MergeQuery): Promise<BaseRowMarks> {
    const file = slice.base && (await openBaseFile(slice.base, query.store, { columns: [] }))
    return new BaseRowMarks(slice, query, file?.rows ?? 0)
  }

  async mark(
    merge: LogMerge,
    orderings: (columns: readonly NamedVector[]) => Orderings | null,
  ): Promise<void> {
    const { base } = this.#slice
    if (base === null) return
    const { store, config, pause } = this.#query
    const file = await openBaseFile(base, store, { columns: mergeColumns(config) })
    let firstRow = 0
    for await (const { rows, columns } of file.pacedSlices(pause ?? (() => Promise.resolve()))) {
      const keys = keyColumn(columns, base.path)
      merge.markReplaced(keys, orderings(columns), { bits: this.#bits, firstRow })
      firstRow += rows
    }
  }

  unmarked(firstRow: number, count: number): Int32Array {
    const rows = new Int32Array(count)
    let kept = 0
    for (let row = 0; row < count; row++) if (!bitAt(this.#bits, firstRow + row)) rows[kept++] = row
    return rows.subarray(0, kept)
  }
}
