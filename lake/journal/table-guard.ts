// Watches hoodie.properties for what other engines may do to a table behind our back: a Spark write with default
// options upgrades it and gives it a metadata table, after which readers list files through that table and would
// never see our commits. So the file is read again before each commit; equal bytes need no second look. It also tells
// of a table that was removed and made anew: what is known of the former one must not be written into its successor.
import { metadataPartitions, removeMetadataTable } from './metadata-table.ts'
import type { Sharing } from './sharing.ts'
import { checkProperties } from '#lake/reader/check-properties.ts'
import { layoutOf } from '#lake/table/definition.ts'
import type { TableVersion } from '#lake/table/definition.ts'
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { Properties } from '#lake/timeline/properties.ts'
import { decodeProperties } from '#lake/timeline/properties.ts'

export const propertiesPath = '.hoodie/hoodie.properties'
/** Written once for each table, with the time it was made. */
export const definitionPath = '.hoodie/.sluice/table.json'

export class TableGuard {
  readonly version: TableVersion
  readonly layout: TimelineLayout
  readonly #store: ObjectStore
  readonly #made: Uint8Array | null
  readonly #metadataTable: Sharing['metadataTable']
  #seen: Uint8Array

  private constructor(
    store: ObjectStore,
    read: ReadFiles,
    { version, metadataTable }: { version: TableVersion; metadataTable: Sharing['metadataTable'] },
  ) {
    this.#store = store
    this.#made = read.definition
    this.#seen = read.properties
    this.#metadataTable = metadataTable
    this.version = version
    this.layout = layoutOf(version)
  }

  /** @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED, LAKE_METADATA_TABLE; DataError LAKE_FILE_CORRUPT */
  static async open(
    store: ObjectStore,
    metadataTable: Sharing['metadataTable'] = 'fail',
  ): Promise<TableGuard> {
    const read = { properties: await readProperties(store), definition: await store.get(definitionPath) }
    const properties = decodeProperties(read.properties)
    checkProperties(properties, store.url, null)
    const version = Number(properties.get('hoodie.table.version'))
    const layout = Number(properties.get('hoodie.timeline.layout.version'))
    if ((version !== 6 && version !== 8 && version !== 9) || layout !== layoutOf(version))
      throw new ConfigError(`${store.url} is a Hudi table of version ${version}, which cannot be written`, {
        code: 'LAKE_VERSION_UNSUPPORTED',
        context: { table: store.url, version, layout },
      })
    const guard = new TableGuard(store, read, { version, metadataTable })
    guard.#seen = await guard.#withoutMetadataTable(read.properties, properties)
    return guard
  }

  /** One request. @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_CHANGED, LAKE_METADATA_TABLE */
  async check(): Promise<void> {
    const bytes = await readProperties(this.#store)
    if (isSame(bytes, this.#seen)) return
    if (!isSame(await this.#store.get(definitionPath), this.#made))
      throw new ConfigError(`The table at ${this.#store.url} was removed and made anew`, {
        code: 'LAKE_TABLE_MISSING',
        context: { table: this.#store.url },
      })
    const properties = decodeProperties(bytes)
    checkProperties(properties, this.#store.url, null)
    const version = Number(properties.get('hoodie.table.version'))
    const layout = Number(properties.get('hoodie.timeline.layout.version'))
    // Versions 8 and 9 differ in properties alone, so who lets a metadata table go may let this go as well.
    const isUnchanged = version === this.version && layout === this.layout
    const isLike = layout === 2 && this.layout === 2 && (version === 8 || version === 9)
    if (!isUnchanged && !(isLike && this.#metadataTable === 'remove'))
      throw new ConfigError(
        `Another engine changed ${this.#store.url} from table version ${this.version} to ${version}`,
        {
          code: 'LAKE_VERSION_CHANGED',
          context: { table: this.#store.url, from: this.version, to: version, layout },
        },
      )
    this.#seen = await this.#withoutMetadataTable(bytes, properties)
  }

  /** The bytes of hoodie.properties as they are then. @throws ConfigError LAKE_METADATA_TABLE */
  async #withoutMetadataTable(bytes: Uint8Array, properties: Properties): Promise<Uint8Array> {
    const partitions = metadataPartitions(properties)
    if (partitions === '') return bytes
    if (this.#metadataTable === 'remove') return removeMetadataTable(this.#store, propertiesPath, properties)
    throw new ConfigError(`Another engine gave ${this.#store.url} a metadata table (${partitions})`, {
      code: 'LAKE_METADATA_TABLE',
      context: { table: this.#store.url, partitions },
    })
  }
}

interface ReadFiles {
  properties: Uint8Array
  definition: Uint8Array | null
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0
}

async function readProperties(store: ObjectStore): Promise<Uint8Array> {
  // Java engines keep a backup while they change the file.
  const bytes = (await store.get(propertiesPath)) ?? (await store.get(`${propertiesPath}.backup`))
  if (bytes !== null) return bytes
  throw new ConfigError(`There is no Hudi table at ${store.url}`, {
    code: 'LAKE_TABLE_MISSING',
    context: { table: store.url },
  })
}
