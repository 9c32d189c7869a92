// Whether a table of another engine is one the writer can go on with, and as what.
import { sequenceColumn } from './columns.ts'
import type { TableDefinition, TableVersion } from './definition.ts'
import type { TableSchema } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { propertiesPath } from '#lake/journal/table-guard.ts'
import type { TableConfig } from '#lake/reader/table-config.ts'
import { readTableConfig } from '#lake/reader/table-config.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { Properties } from '#lake/timeline/properties.ts'
import { decodeProperties } from '#lake/timeline/properties.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export interface Adoption {
  /** Key columns; empty for a table whose rows are only added. */
  key: readonly string[]
  /** `hoodie.bucket.index.num.buckets` of its writers; 0 without a key. */
  buckets: number
  /** Positions of splits as a source stores them, from a checkpoint of Hudi Streamer (`topic,0:12,1:34`). */
  positionsOf: (checkpoint: string) => ReadonlyMap<string, string>
}

export interface AdoptedTable {
  definition: TableDefinition
}

/** @throws ConfigError LAKE_NOT_ADOPTABLE, LAKE_TYPE_UNSUPPORTED, LAKE_VERSION_UNSUPPORTED */
export async function adoptableTable(
  store: ObjectStore,
  adoption: Pick<Adoption, 'key' | 'buckets'>,
): Promise<AdoptedTable> {
  const config = await readTableConfig(store)
  const properties = decodeProperties((await store.get(propertiesPath)) ?? new Uint8Array(0))
  const why = firstReason(config, properties, adoption) ?? (await timelineReason(store))
  if (why !== null) throw notAdoptable(store.url, why)
  const { schema, unsupported } = await TableReader.open(store)
  if (unsupported[0] !== undefined)
    throw new ConfigError(
      `Column ${unsupported[0].name} of ${store.url} has the type ${unsupported[0].type}`,
      { code: 'LAKE_TYPE_UNSUPPORTED', context: { table: store.url, column: unsupported[0].name } },
    )
  return { definition: definitionOf(config, { columns: withSequence(schema), key: adoption.key }, adoption) }
}

export function notAdoptable(table: string, why: string): ConfigError {
  return new ConfigError(`${table} cannot be taken over: ${why}`, {
    code: 'LAKE_NOT_ADOPTABLE',
    context: { table },
  })
}

function firstReason(
  { version, keyFields, partitionFields, orderingField, mergeMode, mergeOnRead, isUtc }: TableConfig,
  properties: Properties,
  { key, buckets }: Pick<Adoption, 'key' | 'buckets'>,
): string | null {
  const is = (name: string, value: string): boolean => (properties.get(name) ?? value) === value
  const reasons: [boolean, string][] = [
    [version !== 8 && version !== 9, `its table version is ${version}, it must be 8 or 9`],
    [!isUtc, 'its instants are not in UTC (hoodie.table.timeline.timezone)'],
    [!is('hoodie.populate.meta.fields', 'true'), 'it has no meta fields (hoodie.populate.meta.fields)'],
    [!is('hoodie.table.base.file.format', 'PARQUET'), 'its base files are not Parquet'],
    [!is('hoodie.table.metadata.partitions', ''), 'it has a metadata table'],
    [partitionFields.length > 0, `it has partitions (${partitionFields.join(', ')})`],
    [keyFields.join() !== key.join(), `its key is (${keyFields.join(', ')}), not (${key.join(', ')})`],
    [key.length === 0 && mergeOnRead, 'it has no key and is MERGE_ON_READ'],
    [key.length > 0 && buckets < 1, 'the number of its buckets must be given'],
    [
      key.length > 0 && (orderingField !== sequenceColumn || mergeMode !== 'event'),
      `the greatest ${sequenceColumn} of a key must win, but its ordering field is ${orderingField ?? 'not set'}`,
    ],
  ]
  return reasons.find(([applies]) => applies)?.[1] ?? null
}

async function timelineReason(store: ObjectStore): Promise<string | null> {
  const timeline = await loadTimeline(store, 2)
  if (!timeline.some(({ state }) => state === 'completed')) return 'it has no commit'
  const pending = timeline.find(({ state, action }) => state !== 'completed' && action !== 'compaction')
  return pending === undefined
    ? null
    : `a ${pending.action} of ${pending.instant} is pending: is it being written?`
}

function withSequence({ columns }: TableSchema): TableSchema['columns'] {
  if (columns.some(({ name }) => name === sequenceColumn)) return columns
  return [...columns, { name: sequenceColumn, type: { kind: 'int64' }, nullable: true }]
}

function definitionOf(
  { name, version, mergeOnRead, orderingField }: TableConfig,
  schema: TableSchema,
  { buckets }: Pick<Adoption, 'buckets'>,
): TableDefinition {
  const isKeyed = schema.key.length > 0
  return {
    name,
    kind: isKeyed ? 'keyed' : 'append',
    tableType: mergeOnRead ? 'MERGE_ON_READ' : 'COPY_ON_WRITE',
    version: version as TableVersion,
    schema: { columns: schema.columns.map(column => ({ ...column, nullable: true })), key: schema.key },
    buckets: isKeyed ? buckets : 0,
    partitionFields: [],
    orderingField: orderingField ?? '',
  }
}
