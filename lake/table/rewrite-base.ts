// A base file with changes merged into it, as a new base file: copy on write. A changed row takes the place of the
// one it replaces, new rows come last; so a row group that loses no row keeps its shape, and of its columns those are
// copied as they are stored in which nothing changes. The rules are those of a merge of log files (reader/merge.ts): the greater
// sequence wins, the change on a tie; a delete or a change that comes too late does nothing.
//
// In memory at a time: the changes, and a few row groups.
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'
import { sameValues } from '#catalog/same-values.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import type { ColumnChunk } from '#lake/parquet/column-chunk.ts'
import type { EncodeOptions, NamedVector } from '#lake/parquet/encode.ts'
import { ParquetFile } from '#lake/parquet/encode.ts'
import { conform } from '#lake/reader/conform.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { readLogs } from '#lake/reader/log-reader.ts'
import type { Replacements } from '#lake/reader/merge.ts'
import { LogMerge, orderingsOf } from '#lake/reader/merge.ts'
import type { Rows } from '#lake/reader/wanted-rows.ts'
import { keyColumn, pickRows, recordKeyField } from '#lake/reader/wanted-rows.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { BaseGroup } from './base-groups.ts'
import { baseGroups } from './base-groups.ts'
import { baseFileOptions } from './base-file.ts'
import type { FileRows } from './meta-columns.ts'
import { metaColumns, withMetaColumns } from './meta-columns.ts'
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
  file: Omit<FileRows, 'keys' | 'rows' | 'firstRow'>
  /** Awaited between pieces of work. */
  pause: () => Promise<void>
}

/** Rows of the new file, and what became of those of the old one. */
export interface RewriteCounts {
  rows: number
  inserts: number
  updates: number
  deletes: number
}

/** Ends a rewrite whose changes change nothing. */
export const nothingChanged = Symbol('nothing changed')

/**
 * The bytes of the new file, as they come; returns its counts. Throws `nothingChanged` when there is no need of one.
 * @throws DataError LAKE_FILE_CORRUPT, LAKE_FILE_MISSING, LAKE_TYPE_UNSUPPORTED
 */
export async function* rewriteBase(options: RewriteOptions): AsyncGenerator<Uint8Array, RewriteCounts> {
  const changes = await readChanges(options)
  const rewrite = new Rewrite(changes, options)
  if (options.base !== null) yield* rewrite.takeBase(options.base)
  return yield* rewrite.finish()
}

/** The changes of the commit. They stay in their blocks: end to end they would be held twice. */
interface Changes {
  /** By block, in the columns of the file. */
  blocks: readonly (readonly NamedVector[])[]
  merge: LogMerge
}

async function readChanges(options: RewriteOptions): Promise<Changes> {
  const { store, schema, orderingField, pause } = options
  const names = [recordKeyField, ...schema.columns.map(({ name }) => name)]
  const timeline = { isCommitted: () => true }
  const merge = new LogMerge('event')
  const blocks: NamedVector[][] = []
  let firstRow = 0
  for (const step of await readLogs(options.changes, { store, timeline, names, only: null, pause })) {
    if (step.kind === 'delete') {
      merge.addDeletes(step.keys, step.orderings)
      continue
    }
    const { columns, path } = step.rows
    const orderings = orderingsOf(columnOf(columns, orderingField, path))
    merge.addRows({ source: blocks.length, keys: keyColumn(columns, path), orderings, isDeleted: null })
    blocks.push(fileColumns(step.rows, firstRow, options))
    firstRow += step.rows.rows
  }
  return { blocks, merge }
}

function fileColumns(
  { columns, rows }: Rows,
  firstRow: number,
  { schema, file }: RewriteOptions,
): NamedVector[] {
  const [key, ...own] = conform(columns, rows, [stringColumn(recordKeyField), ...schema.columns])
  const meta = metaColumns({ ...file, keys: key!.vector as BinaryVector, rows, firstRow })
  return [...meta, ...own.map(({ name, vector }) => named(name, vector))]
}

/** What becomes of the rows of a row group. */
interface Outcome {
  /** Of each block that replaces any: rows of the group, and rows of the block that replace them, one for one. */
  parts: readonly ReplacedRows[]
  /** Rows that are replaced. */
  updates: number
  /** What stays, in order: rows of the group, and counted on behind them, part by part, the changes that replace some. */
  chosen: Int32Array
}

interface ReplacedRows {
  block: number
  replaced: Int32Array
  replacing: Int32Array
}

function outcomeOf({ sources, rows }: Replacements, blocks: number): Outcome {
  const ends = new Int32Array(blocks)
  for (const source of sources) if (source >= 0) ends[source]!++
  let updates = 0
  const parts: ReplacedRows[] = []
  const firsts = new Int32Array(blocks)
  for (let block = 0; block < blocks; block++) {
    const count = ends[block]!
    firsts[block] = ends[block] = updates
    updates += count
    if (count > 0) parts.push({ block, replaced: new Int32Array(count), replacing: new Int32Array(count) })
  }
  const partOf = new Map(parts.map(part => [part.block, part]))
  const chosen = new Int32Array(sources.length)
  let count = 0
  for (let row = 0; row < sources.length; row++) {
    const source = sources[row]!
    if (source === LogMerge.deleted) continue
    if (source === LogMerge.kept) {
      chosen[count++] = row
      continue
    }
    const change = ends[source]!++
    const { replaced, replacing } = partOf.get(source)!
    replaced[change - firsts[source]!] = row
    replacing[change - firsts[source]!] = rows[row]!
    chosen[count++] = sources.length + change
  }
  return { parts, updates, chosen: chosen.subarray(0, count) }
}

class Rewrite {
  readonly #changes: Changes
  readonly #options: RewriteOptions
  readonly #columns: readonly Column[]
  readonly #fileOptions: EncodeOptions
  readonly #file: ParquetFile
  readonly #groups: RowGroups
  readonly #counts = { inserts: 0, updates: 0, deletes: 0 }

  constructor(changes: Changes, options: RewriteOptions) {
    this.#changes = changes
    this.#options = options
    this.#columns = withMetaColumns(options.schema.columns)
    this.#fileOptions = baseFileOptions(options.avroSchema)
    const empty = this.#columns.map(({ name, type }) => named(name, nullVector(type, 0)))
    this.#file = new ParquetFile(empty, this.#fileOptions)
    this.#groups = new RowGroups(this.#file, options.pause)
  }

  async *takeBase({ path }: DataFile): AsyncGenerator<Uint8Array> {
    for await (const group of baseGroups(this.#options.store, path, this.#columns)) {
      await this.#takeGroup(group, path)
      yield* this.#file.take()
    }
  }

  async #takeGroup(group: BaseGroup, path: string): Promise<void> {
    await this.#options.pause()
    const keys = group.column(this.#indexOf(recordKeyField))
    if (keys.nullCount > 0)
      throw new DataError('A file of the table has rows without a key', {
        code: 'LAKE_FILE_CORRUPT',
        context: { path },
      })
    const orderings = orderingsOf(group.column(this.#indexOf(this.#options.orderingField)))
    const { merge, blocks } = this.#changes
    const outcome = outcomeOf(merge.replacements(keys as BinaryVector, orderings), blocks.length)
    const left = outcome.chosen.length
    this.#counts.updates += outcome.updates
    this.#counts.deletes += group.rows - left
    if (left === group.rows && !group.isSmall) await this.#keep(group, outcome)
    else await this.#gather(group, outcome)
  }

  #indexOf(name: string): number {
    return this.#columns.findIndex(column => column.name === name)
  }

  /** All rows stay where they are: a column in which nothing changes is copied as it is stored. */
  async #keep(group: BaseGroup, outcome: Outcome): Promise<void> {
    const columns: (NamedVector | ColumnChunk)[] = []
    for (const [index, { name }] of this.#columns.entries()) {
      await this.#options.pause()
      if (name === fileNameField) columns.push(this.#fileNames(group.rows))
      else columns.push(this.#changed(group, index, outcome) ?? this.#unchanged(group, index))
    }
    await this.#file.addMixedRowGroup(columns, group.rows, this.#options.pause)
  }

  /** Null: the changes have the values that are there. */
  #changed(group: BaseGroup, index: number, outcome: Outcome): NamedVector | null {
    const { parts, updates, chosen } = outcome
    if (updates === 0) return null
    const before = group.column(index)
    const after = this.#replacing(index, outcome)
    const isSame = parts.every(({ replaced }, at) =>
      sameValues(gather(before, replaced, replaced.length), after[at]!),
    )
    if (isSame) return null
    const { name } = this.#columns[index]!
    return named(name, gather(concatVectors([before, ...after]), chosen, chosen.length))
  }

  /** The values of a column that replace some, by part. */
  #replacing(index: number, { parts }: Outcome): ColumnVector[] {
    const { blocks } = this.#changes
    return parts.map(({ block, replacing }) =>
      gather(blocks[block]![index]!.vector, replacing, replacing.length),
    )
  }

  #unchanged(group: BaseGroup, index: number): NamedVector | ColumnChunk {
    const stored = group.stored(index, this.#fileOptions.compression)
    return stored ?? named(this.#columns[index]!.name, group.column(index))
  }

  /** The rows that stay go into row groups with those of others. */
  async #gather(group: BaseGroup, outcome: Outcome): Promise<void> {
    const { chosen } = outcome
    const columns: NamedVector[] = []
    for (const [index, { name }] of this.#columns.entries()) {
      await this.#options.pause()
      if (name === fileNameField) {
        columns.push(this.#fileNames(chosen.length))
        continue
      }
      const both = concatVectors([group.column(index), ...this.#replacing(index, outcome)])
      columns.push(named(name, gather(both, chosen, chosen.length)))
    }
    await this.#groups.add(columns, chosen.length)
  }

  #fileNames(rows: number): NamedVector {
    return named(fileNameField, constantStrings(this.#options.file.fileName, rows))
  }

  async *finish(): AsyncGenerator<Uint8Array, RewriteCounts> {
    const counts = this.#counts
    for (const [source, rows] of this.#changes.merge.winners()) {
      counts.inserts += rows.length
      await this.#groups.add(pickRows(this.#changes.blocks[source]!, rows), rows.length)
    }
    if (counts.inserts + counts.updates + counts.deletes === 0) throw nothingChanged
    await this.#groups.flush()
    yield* this.#file.take()
    yield this.#file.finish()
    return { rows: this.#file.rows, ...counts }
  }
}

function named(name: string, vector: ColumnVector): NamedVector {
  return { name, vector, nullable: true }
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
