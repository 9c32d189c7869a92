// Reads a Hudi table as it stands, whichever engine wrote it: copy-on-write or merge-on-read, table version 6, 8
// or 9, without a metadata table. Rows come as columns, one file slice after the other.
import type { Column, TableSchema } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { metaFields, tableSchemaOf } from '#lake/avro/schema.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { listDataFiles } from './data-file.ts'
import type { FileSlice } from './file-slice.ts'
import { latestSlices } from './file-slice.ts'
import type { RowBatch } from './slice-reader.ts'
import { readSlice } from './slice-reader.ts'
import type { TableConfig } from './table-config.ts'
import { readTableConfig } from './table-config.ts'
import type { TimelineView } from './timeline-view.ts'
import { readTimeline } from './timeline-view.ts'

export interface OpenOptions {
  /** The state at this instant, by the instants of commits; undefined: the newest. */
  asOf?: InstantTime
}

export interface ReadOptions {
  /** Names of the columns; Hudi's own (`_hoodie_commit_time` …) may be among them. Undefined: those of the schema. */
  columns?: readonly string[]
}

export class TableReader {
  readonly config: TableConfig
  /** The newest columns of the table, as far as they have a type here; `key` as the table declares it. */
  readonly schema: TableSchema
  /** Columns whose type has no place here: name and Avro type. */
  readonly unsupported: readonly { name: string; type: string }[]
  readonly slices: readonly FileSlice[]
  readonly #store: ObjectStore
  readonly #timeline: TimelineView

  private constructor(
    store: ObjectStore,
    table: Pick<TableReader, 'config' | 'schema' | 'unsupported' | 'slices'>,
    timeline: TimelineView,
  ) {
    this.#store = store
    this.#timeline = timeline
    this.config = table.config
    this.schema = table.schema
    this.unsupported = table.unsupported
    this.slices = table.slices
  }

  /**
   * Opens the table at the store's root. What is read is its state at this moment.
   * @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED
   */
  static async open(store: ObjectStore, { asOf }: OpenOptions = {}): Promise<TableReader> {
    const config = await readTableConfig(store)
    const timeline = await readTimeline(store, config.layout, asOf)
    const slices = latestSlices(await listDataFiles(store), timeline)
    const avro = (await newestSchema(store, timeline)) ?? config.createSchema
    const { schema, unsupported } =
      avro === null ? { schema: { columns: [], key: [] }, unsupported: [] } : tableSchemaOf(avro)
    const withKey = { columns: schema.columns, key: config.keyFields }
    return new TableReader(store, { config, schema: withKey, unsupported, slices }, timeline)
  }

  /** The instant of the newest commit that is read, or null when there is none. */
  get newestInstant(): InstantTime | null {
    return this.#timeline.completed.at(-1)?.instant ?? null
  }

  /** All rows, in batches. @throws ConfigError COLUMN_UNKNOWN; DataError LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED */
  async *read({ columns }: ReadOptions = {}): AsyncGenerator<RowBatch> {
    const chosen = columns === undefined ? this.schema.columns : columns.map(name => this.#column(name))
    const { config } = this
    const query = { store: this.#store, config, timeline: this.#timeline, columns: chosen, only: null }
    for (const slice of this.slices) yield* readSlice(slice, query)
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

/** The Avro schema of the newest commit that names one. */
async function newestSchema(store: ObjectStore, timeline: TimelineView): Promise<string | null> {
  for (const { path } of timeline.completed.toReversed()) {
    const bytes = await store.get(path)
    const schema = bytes && decodeCommitMetadata(bytes).extraMetadata['schema']
    if (schema) return schema
  }
  return null
}
