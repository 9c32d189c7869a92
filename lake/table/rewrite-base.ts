// A base file with changes merged into it, as a new base file: copy on write. A changed row takes the place of the
// one it replaces, new rows come last. The rules are those of a merge of log files (reader/merge.ts): the greater
// sequence wins, the change on a tie; a delete or a change that comes too late does nothing.
//
// In memory at a time: the changes, one row group of the old file, and both files as they are stored.
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { metaFields } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { ParquetFile } from '#lake/parquet/encode.ts'
import { conform } from '#lake/reader/conform.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { readLogs } from '#lake/reader/log-reader.ts'
import { LogMerge, orderingsOf } from '#lake/reader/merge.ts'
import type { Rows } from '#lake/reader/wanted-rows.ts'
import { keyColumn, pickRows, recordKeyField } from '#lake/reader/wanted-rows.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { baseFileOptions } from './base-file.ts'
import type { FileRows } from './meta-columns.ts'
import { metaColumns } from './meta-columns.ts'
import { nullVector } from './project.ts'
import { RowGroups } from './row-groups.ts'

const fileNameField = '_hoodie_file_name'

export interface RewriteOptions {
  store: ObjectStore
  /** Null: the file group begins with these changes. */
  base: DataFile | null
  /** Files of copy-on-write-stage.ts, in the order in which they apply. */
  changes: readonly DataFile[]
  /** The table's columns. */
  schema: TableSchema
  /** The same, with meta fields. */
  avroSchema: AvroRecordSchema
  orderingField: string
  /** The file to be. */
  file: Omit<FileRows, 'keys' | 'rows'>
  /** Awaited between pieces of work. */
  pause: () => Promise<void>
}

export interface RewrittenBase {
  bytes: Uint8Array
  /** In the file. */
  rows: number
  inserts: number
  updates: number
  deletes: number
}

/** Null: the changes change nothing. @throws DataError LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED */
export async function rewriteBase(options: RewriteOptions): Promise<RewrittenBase | null> {
  const changes = await readChanges(options)
  const rewrite = new Rewrite(changes, options)
  if (options.base !== null) await rewrite.takeBase(options.base)
  return rewrite.finish()
}

/** All changes of the commit, end to end, in the columns of the file. */
interface Changes {
  columns: readonly NamedVector[]
  /** By block: its first row among them. */
  firstRows: readonly number[]
  merge: LogMerge
}

async function readChanges(options: RewriteOptions): Promise<Changes> {
  const { store, schema, orderingField, pause } = options
  const names = [recordKeyField, ...schema.columns.map(({ name }) => name)]
  const timeline = { isCommitted: () => true }
  const merge = new LogMerge('event')
  const blocks: Rows[] = []
  const firstRows: number[] = []
  let rows = 0
  for (const step of await readLogs(options.changes, { store, timeline, names, only: null, pause })) {
    if (step.kind === 'delete') {
      merge.addDeletes(step.keys, step.orderings)
      continue
    }
    const { columns, path } = step.rows
    const orderings = orderingsOf(columnOf(columns, orderingField, path))
    merge.addRows({ source: blocks.length, keys: keyColumn(columns, path), orderings, isDeleted: null })
    blocks.push(step.rows)
    firstRows.push(rows)
    rows += step.rows.rows
  }
  return { columns: joined(blocks, rows, options), firstRows, merge }
}

function joined(blocks: readonly Rows[], rows: number, { schema, file }: RewriteOptions): NamedVector[] {
  const columns = [stringColumn(recordKeyField), ...schema.columns]
  const parts = blocks.map(block => conform(block.columns, block.rows, columns))
  const vectors = columns.map(({ type }, index) =>
    parts.length === 0 ? nullVector(type, 0) : concatVectors(parts.map(part => part[index]!.vector)),
  )
  const meta = metaColumns({ ...file, keys: vectors[0] as BinaryVector, rows })
  const own = schema.columns.map(({ name }, index) => ({ name, vector: vectors[index + 1]!, nullable: true }))
  return [...meta, ...own]
}

class Rewrite {
  readonly #changes: Changes
  readonly #options: RewriteOptions
  readonly #columns: readonly Column[]
  readonly #file: ParquetFile
  readonly #groups: RowGroups
  readonly #counts = { inserts: 0, updates: 0, deletes: 0 }

  constructor(changes: Changes, options: RewriteOptions) {
    this.#changes = changes
    this.#options = options
    this.#columns = [...metaFields.map(stringColumn), ...options.schema.columns]
    const empty = this.#columns.map(({ name, type }) => ({
      name,
      vector: nullVector(type, 0),
      nullable: true,
    }))
    this.#file = new ParquetFile(empty, baseFileOptions(options.avroSchema))
    this.#groups = new RowGroups(this.#file, options.pause)
  }

  async takeBase({ path }: DataFile): Promise<void> {
    const bytes = await this.#options.store.get(path)
    if (bytes === null)
      throw new DataError('A file of the table is gone', { code: 'LAKE_FILE_CORRUPT', context: { path } })
    const columns = this.#columns.map(({ name }) => name)
    const file = await openParquet(bytes, { columns, context: { path } })
    for await (const piece of file.pacedSlices(this.#options.pause)) await this.#takePiece(piece, path)
  }

  async #takePiece(piece: Rows, path: string): Promise<void> {
    const base = conform(piece.columns, piece.rows, this.#columns)
    const orderings = orderingsOf(columnOf(base, this.#options.orderingField, path))
    const { merge, firstRows } = this.#changes
    const { sources, rows } = merge.replacements(keyColumn(base, path), orderings)
    // Of what stays, in order: rows of the piece, and behind them those that replace some.
    const chosen = new Int32Array(piece.rows)
    const replacing = new Int32Array(piece.rows)
    let count = 0
    let replaced = 0
    for (let row = 0; row < piece.rows; row++) {
      const source = sources[row]!
      if (source === LogMerge.deleted) continue
      if (source === LogMerge.kept) chosen[count++] = row
      else {
        replacing[replaced] = firstRows[source]! + rows[row]!
        chosen[count++] = piece.rows + replaced++
      }
    }
    this.#counts.updates += replaced
    this.#counts.deletes += piece.rows - count
    const isSame = replaced === 0 && count === piece.rows
    const columns = isSame
      ? base
      : this.#mixed(base, replacing.subarray(0, replaced), chosen.subarray(0, count))
    await this.#groups.add(this.#named(columns, count), count)
  }

  #mixed(base: readonly NamedVector[], replacing: Int32Array, chosen: Int32Array): NamedVector[] {
    return base.map((column, index) => {
      const change = this.#changes.columns[index]!.vector
      const both =
        replacing.length === 0
          ? column.vector
          : concatVectors([column.vector, gather(change, replacing, replacing.length)])
      return { ...column, vector: gather(both, chosen, chosen.length) }
    })
  }

  /** The columns with the name of the file they will be in. */
  #named(columns: readonly NamedVector[], rows: number): NamedVector[] {
    const fileName = constantStrings(this.#options.file.fileName, rows)
    return columns.map(column => (column.name === fileNameField ? { ...column, vector: fileName } : column))
  }

  async finish(): Promise<RewrittenBase | null> {
    const counts = this.#counts
    for (const [source, rows] of this.#changes.merge.winners()) {
      const added = rows.map(row => this.#changes.firstRows[source]! + row)
      counts.inserts += rows.length
      await this.#groups.add(this.#named(pickRows(this.#changes.columns, added), rows.length), rows.length)
    }
    if (counts.inserts + counts.updates + counts.deletes === 0) return null
    await this.#groups.flush()
    return { bytes: this.#file.finish(), rows: this.#file.rows, ...counts }
  }
}

function stringColumn(name: string): Column {
  return { name, type: { kind: 'string' }, nullable: true }
}

function columnOf(columns: readonly NamedVector[], name: string, path: string): ColumnVector {
  const found = columns.find(column => column.name === name)
  if (found) return found.vector
  throw new DataError(`A file of the table has no column ${name}`, {
    code: 'LAKE_FILE_CORRUPT',
    context: { path, column: name },
  })
}
