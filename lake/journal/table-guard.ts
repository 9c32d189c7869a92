// Watches hoodie.properties for what other engines may do to a table behind our back: a Spark write with default
// options upgrades it and gives it a metadata table, after which readers list files through that table and would
// never see our commits. So the file is read again before each commit; equal bytes need no second look.
import { layoutOf } from '#lake/table/definition.ts'
import type { TableVersion } from '#lake/table/definition.ts'
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { decodeProperties } from '#lake/timeline/properties.ts'

export const propertiesPath = '.hoodie/hoodie.properties'

export class TableGuard {
  readonly version: TableVersion
  readonly layout: TimelineLayout
  readonly #store: ObjectStore
  #seen: Uint8Array

  private constructor(store: ObjectStore, bytes: Uint8Array, version: TableVersion) {
    this.#store = store
    this.#seen = bytes
    this.version = version
    this.layout = layoutOf(version)
  }

  /** @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED, LAKE_METADATA_TABLE */
  static async open(store: ObjectStore): Promise<TableGuard> {
    const bytes = await readProperties(store)
    const properties = decodeProperties(bytes)
    const version = Number(properties.get('hoodie.table.version'))
    const layout = Number(properties.get('hoodie.timeline.layout.version'))
    if ((version !== 6 && version !== 8 && version !== 9) || layout !== layoutOf(version))
      throw new ConfigError(`${store.url} is a Hudi table of version ${version}, which cannot be written`, {
        code: 'LAKE_VERSION_UNSUPPORTED',
        context: { table: store.url, version, layout },
      })
    refuseMetadataTable(store, properties)
    return new TableGuard(store, bytes, version)
  }

  /** One request. @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_CHANGED, LAKE_METADATA_TABLE */
  async check(): Promise<void> {
    const bytes = await readProperties(this.#store)
    if (Buffer.compare(bytes, this.#seen) === 0) return
    const properties = decodeProperties(bytes)
    const version = Number(properties.get('hoodie.table.version'))
    const layout = Number(properties.get('hoodie.timeline.layout.version'))
    if (version !== this.version || layout !== this.layout)
      throw new ConfigError(
        `Another engine changed ${this.#store.url} from table version ${this.version} to ${version}`,
        {
          code: 'LAKE_VERSION_CHANGED',
          context: { table: this.#store.url, from: this.version, to: version, layout },
        },
      )
    refuseMetadataTable(this.#store, properties)
    this.#seen = bytes
  }
}

function refuseMetadataTable(store: ObjectStore, properties: ReadonlyMap<string, string>): void {
  const partitions = properties.get('hoodie.table.metadata.partitions') ?? ''
  if (partitions === '') return
  throw new ConfigError(`Another engine gave ${store.url} a metadata table (${partitions})`, {
    code: 'LAKE_METADATA_TABLE',
    context: { table: store.url, partitions },
  })
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
