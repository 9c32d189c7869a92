// What a reader needs of hoodie.properties, whichever engine and version wrote them.
import { checkProperties } from './check-properties.ts'
import type { MergeMode } from './merge.ts'
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { readStoredDefinition } from '#lake/table/stored-definition.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { Properties } from '#lake/timeline/properties.ts'
import { decodeProperties } from '#lake/timeline/properties.ts'

export interface TableConfig {
  name: string
  version: number
  layout: TimelineLayout
  /** Whether log files change the base files. */
  mergeOnRead: boolean
  mergeMode: MergeMode
  /** The column whose greater value wins; null: the later record wins. */
  orderingField: string | null
  keyFields: readonly string[]
  partitionFields: readonly string[]
  /** Whether instants are in UTC; else they are in the local time of whoever wrote them. */
  isUtc: boolean
  /** Avro JSON of the columns when the table was made, or null. */
  createSchema: string | null
}

/** @throws ConfigError LAKE_TABLE_MISSING, LAKE_VERSION_UNSUPPORTED; DataError LAKE_FILE_CORRUPT */
export async function readTableConfig(store: ObjectStore): Promise<TableConfig> {
  const path = '.hoodie/hoodie.properties'
  const [found, made] = await Promise.all([store.get(path), readStoredDefinition(store)])
  const bytes = found ?? (await store.get(`${path}.backup`))
  if (bytes !== null) {
    const properties = decodeProperties(bytes)
    checkProperties(properties, store.url, made?.definition ?? null)
    return tableConfig(properties, store.url)
  }
  throw new ConfigError(`There is no Hudi table at ${store.url}`, {
    code: 'LAKE_TABLE_MISSING',
    context: { table: store.url },
  })
}

export function tableConfig(properties: Properties, url: string): TableConfig {
  const version = Number(properties.get('hoodie.table.version'))
  const layout = Number(properties.get('hoodie.timeline.layout.version'))
  if (![6, 8, 9].includes(version) || layout !== (version === 6 ? 1 : 2))
    throw new ConfigError(`${url} is a Hudi table of version ${version}, which cannot be read`, {
      code: 'LAKE_VERSION_UNSUPPORTED',
      context: { table: url, version, layout },
    })
  const ordering =
    properties.get('hoodie.table.ordering.fields') ?? properties.get('hoodie.table.precombine.field') ?? ''
  const orderingField = ordering === '' ? null : ordering
  return {
    name: properties.get('hoodie.table.name') ?? '',
    version,
    layout: layout as TimelineLayout,
    mergeOnRead: properties.get('hoodie.table.type') === 'MERGE_ON_READ',
    mergeMode: orderingField === null ? 'commit' : mergeMode(properties),
    orderingField,
    keyFields: names(properties, 'hoodie.table.recordkey.fields'),
    partitionFields: names(properties, 'hoodie.table.partition.fields'),
    isUtc: properties.get('hoodie.table.timeline.timezone') === 'UTC',
    createSchema: properties.get('hoodie.table.create.schema') ?? null,
  }
}

function names(properties: Properties, property: string): string[] {
  return (properties.get(property) ?? '').split(',').filter(name => name !== '')
}

/** Tables older than the merge-mode property say it by the class that merged their records. */
function mergeMode(properties: Properties): MergeMode {
  const mode = properties.get('hoodie.record.merge.mode')
  if (mode !== undefined) return mode === 'COMMIT_TIME_ORDERING' ? 'commit' : 'event'
  const payload = properties.get('hoodie.compaction.payload.class') ?? ''
  return payload.endsWith('.OverwriteWithLatestAvroPayload') ? 'commit' : 'event'
}
