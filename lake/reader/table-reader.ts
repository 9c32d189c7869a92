// Reads a Hudi table as it stands, whichever engine wrote it: copy-on-write or merge-on-read, table version 6, 8
// or 9, without a metadata table. Rows come as columns, one file slice after the other: all of them, or those that
// a range of commits changed.
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'
import { BinaryBuilder } from '#catalog/column-builder.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import type { SyncError } from '#common/errors.ts'
import { ConfigError, invariant } from '#common/errors.ts'
import { metaFields, tableSchemaOf } from '#lake/avro/schema.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { isDamage } from './damage.ts'
import type { DataFile } from './data-file.ts'
import { listDataFiles } from './data-file.ts'
import type { FileSlice } from './file-slice.ts'
import { latestSlices } from './file-slice.ts'
import type { CommitRange } from './commit-range.ts'
import { planIncrement } from './increment.ts'
import { KeyIndex } from './key-index.ts'
import { PartitionChoice } from './partition-choice.ts'
import { checkState } from './reach.ts'
import type { RowBatch } from './slice-reader.ts'
import { readSlice } from './slice-reader.ts'
import type { TableConfig } from './table-config.ts'
import { readTableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'
import { readTimeline } from './timeline-view.ts'
import { pickRows, rowsOfKeys } from './wanted-rows.ts'

export interface OpenOptions {
  /** The state at this instant, by the instants of commits; undefined: the newest. */
  asOf?: InstantTime
  /**
   * Only the partitions with these paths, or below them: `dt=2026-11-24`, `country=DE/dt=2026-11-24`. No other is
   * listed or read. Undefined: all.
   */
  partitions?: readonly string[]
}

export interface ReadOptions {
  /** Names of the columns; Hudi's own (`_hoodie_commit_time` …) may be among them. Undefined: those of the schema. */
  columns?: readonly string[]
  /**
   * Only the rows that commits changed which completed after this time (table version 6: whose instant is after it).
   * Deletes are not among them. Undefined: all rows.
   */
  from?: InstantTime
  /** With `from`: the last completion time to take in. */
  to?: InstantTime
  /**
   * Told of each file group that is damaged; the others are read on. Of a damaged group no row is given from the first
   * damage on; those before it are right. Undefined: the damage is thrown.
   */
  onDamage?: (damage: GroupDamage) => void
}

export interface GroupDamage {
  partitionPath: string
  fileId: string
  /** LAKE_FILE_CORRUPT or LAKE_FILE_MISSING; its message names the file. */
  error: SyncError
}

const commitTime: Column = { name: '_hoodie_commit_time', type: { kind: 'string' }, nullable: true }

export class TableReader {
  readonly config: TableConfig
  /** The newest columns of the table, as far as they have a type here; `key` as the table declares it. */
  readonly schema: TableSchema
  /** Columns whose type has no place here: name and Avro type. */
  readonly unsupported: readonly { name: string; type: string }[]
  /** The newest slice of each file group: what is read. */
  readonly slices: readonly FileSlice[]
  /** All data files there are: those of older slices and of commits under way, too. */
  readonly files: readonly DataFile[]
  readonly #store: ObjectStore
  readonly #timeline: TimelineView
  readonly #chosen: PartitionChoice | null

  private constructor(
    opened: { store: ObjectStore; timeline: TimelineView; chosen: PartitionChoice | null },
    table: Pick<TableReader, 'config' | 'schema' | 'unsupported' | 'slices' | 'files'>,
  ) {
    this.#store = opened.store
    this.#timeline = opened.timeline
    this.#chosen = opened.chosen
    this.config = table.config
    this.schema = table.schema
    this.unsupported = table.unsupported
    this.slices = table.slices
    this.files = table.files
  }

  /**
   * Opens the table at the store's root. What is read is its state at this moment.
   * @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED, LAKE_HISTORY_GONE
   */
  static async open(store: ObjectStore, { asOf, partitions }: OpenOptions = {}): Promise<TableReader> {
    const config = await readTableConfig(store)
    const timeline = await readTimeline(store, config.layout, asOf)
    const chosen = partitions === undefined ? null : new PartitionChoice(partitions)
    const files = await (chosen === null ? listDataFiles(store) : chosen.listFiles(store))
    if (asOf !== undefined)
      await checkState(
        { store, files, timeline: await readTimeline(store, config.layout), ...limits(chosen) },
        asOf,
      )
    const slices = latestSlices(files, timeline)
    const avro = (await newestSchema(store, timeline)) ?? config.createSchema
    const { schema, unsupported } =
      avro === null ? { schema: { columns: [], key: [] }, unsupported: [] } : tableSchemaOf(avro)
    const withKey = { columns: schema.columns, key: config.keyFields }
    const table = { config, schema: withKey, unsupported, slices, files }
    return new TableReader({ store, chosen, timeline }, table)
  }

  /** The commits that are read (delta commits, compactions and replace commits among them), oldest first. */
  get commits(): readonly TimelineInstant[] {
    return this.#timeline.completed
  }

  /** The newest slices that these files make by the commits that are read. */
  slicesOf(files: Iterable<DataFile>): FileSlice[] {
    return latestSlices(files, this.#timeline)
  }

  /** The instant of the newest commit that is read, or null when there is none. */
  get newestInstant(): InstantTime | null {
    return this.commits.at(-1)?.instant ?? null
  }

  /**
   * Rows in batches, in no order.
   * @throws ConfigError COLUMN_UNKNOWN, LAKE_HISTORY_GONE; DataError LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED
   */
  async *read({ columns, from, to, onDamage }: ReadOptions = {}): AsyncGenerator<RowBatch> {
    const chosen = columns === undefined ? this.schema.columns : columns.map(name => this.#column(name))
    if (from !== undefined) {
      yield* this.#readRange(chosen, to === undefined ? { from } : { from, to }, onDamage)
      return
    }
    const query = { ...this.#query, columns: chosen, timeline: this.#timeline }
    for (const slice of this.slices) yield* untilDamage(readSlice(slice, query), slice, onDamage)
  }

  async *#readRange(
    columns: readonly Column[],
    range: CommitRange,
    onDamage: ReadOptions['onDamage'],
  ): AsyncGenerator<RowBatch> {
    const table = { store: this.#store, timeline: this.#timeline, files: this.files, ...limits(this.#chosen) }
    const { slices, timeline } = await planIncrement(table, range)
    const commits = instantIndex(timeline.completed)
    // Behind the columns asked for, among which it may be another time.
    const query = { ...this.#query, columns: [...columns, commitTime], timeline }
    for (const slice of slices)
      for await (const batch of untilDamage(readSlice(slice, query), slice, onDamage)) {
        const rows = writtenBy(commits, batch)
        if (rows.length > 0)
          yield { rows: rows.length, columns: pickRows(batch.columns.slice(0, columns.length), rows) }
      }
  }

  get #query(): { store: ObjectStore; config: TableConfig; only: null } {
    return { store: this.#store, config: this.config, only: null }
  }

  #column(name: string): Column {
    if ((metaFields as readonly string[]).includes(name))
      return { name, type: { kind: 'string' }, nullable: true }
    const found = this.schema.columns.find(column => column.name === name)
    if (found) return found
    throw new ConfigError(`The table ${this.config.name} has no column ${name} that can be read`, {
      code: 'COLUMN_UNKNOWN',
      context: { table: this.config.name, column: name },
    })
  }
}

function limits(chosen: PartitionChoice | null): { chosen?: PartitionChoice } {
  return chosen === null ? {} : { chosen }
}

/** The batches of a file group, as far as it is whole. */
async function* untilDamage(
  batches: AsyncGenerator<RowBatch>,
  { partitionPath, fileId }: FileSlice,
  onDamage: ReadOptions['onDamage'],
): AsyncGenerator<RowBatch> {
  try {
    yield* batches
  } catch (error) {
    if (onDamage === undefined || !isDamage(error)) throw error
    onDamage({ partitionPath, fileId, error })
  }
}

function instantIndex(commits: readonly TimelineInstant[]): KeyIndex {
  const builder = new BinaryBuilder(commitTime.type)
  for (const { instant } of commits) builder.appendString(instant)
  const instants = texts(builder.finish())
  const index = new KeyIndex()
  for (let row = 0; row < instants.length; row++) index.add(instants, row)
  return index
}

/** The rows whose commit time, the last column, is one of these. */
function writtenBy(commits: KeyIndex, { columns }: RowBatch): Int32Array {
  return rowsOfKeys(texts(columns.at(-1)!.vector), commits)
}

function texts(vector: ColumnVector): BinaryVector {
  invariant(vector.layout === 'binary', 'Commit times are text')
  return vector
}

/** The Avro schema of the newest commit that names one. */
async function newestSchema(store: ObjectStore, timeline: TimelineView): Promise<string | null> {
  for (const { path } of timeline.completed.toReversed()) {
    const bytes = await store.get(path)
    const schema = bytes && decodeCommitMetadata(bytes, { table: store.url, path }).extraMetadata['schema']
    if (schema) return schema
  }
  return null
}
