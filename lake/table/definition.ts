// What a table is, for as long as it lives, and the hoodie.properties that say so to every engine. The sets of
// properties are those that Spark with Hudi 0.15 to 1.2 and hudi-rs were seen to accept, for reading and writing.
import { avroSchemaOf } from '#lake/avro/schema.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { Properties } from '#lake/timeline/properties.ts'
import { tableChecksum } from '#lake/timeline/properties.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { KeyScope, PartitionRule } from '#lake/partition/partition-rule.ts'

export type TableVersion = 6 | 8 | 9
export type TableType = 'COPY_ON_WRITE' | 'MERGE_ON_READ'

export interface TableDefinition {
  name: string
  /** `append`: rows are only added, by any number of writers. `keyed`: one row per key, the newest. */
  kind: 'append' | 'keyed'
  tableType: TableType
  version: TableVersion
  /** The columns as stored (the ordering field among them), when the table was made. */
  schema: TableSchema
  /** File groups per partition of a keyed table; 0 for an append table. */
  buckets: number
  /** Columns whose values name the partition; empty for a table without partitions. */
  partitionFields: readonly string[]
  /** How the partition fields follow from the columns, in the same order; undefined without partitions. */
  partitionBy?: readonly PartitionRule[]
  /** Of a keyed table with partitions: where a key has one row. */
  keyScope?: KeyScope
  /** The column (`long`, never null) whose greater value wins. */
  orderingField: string
}

/** Timeline layout of a table version. */
export function layoutOf(version: TableVersion): TimelineLayout {
  return version === 6 ? 1 : 2
}

/**
 * Whether deletes are rows with `_hoodie_is_deleted` set, rather than delete blocks: Hudi 0.15 heeds the sequence of
 * the former only.
 */
export function marksDeletes(definition: Pick<TableDefinition, 'kind' | 'tableType' | 'version'>): boolean {
  const { kind, tableType, version } = definition
  return version === 6 && kind === 'keyed' && tableType === 'MERGE_ON_READ'
}

/** Whether a change of a row is written by writing its base file anew. */
export function rewrites({ kind, tableType }: Pick<TableDefinition, 'kind' | 'tableType'>): boolean {
  return kind === 'keyed' && tableType === 'COPY_ON_WRITE'
}

const payloadClass = 'org.apache.hudi.common.model.DefaultHoodieRecordPayload'
/** HoodieRecordMerger's id of "the greater ordering value wins". */
const eventTimeStrategy = 'eeb8d96f-b1e4-49fd-bbf8-28ac514178e5'

/** hoodie.properties of a new table. */
export function tableProperties(definition: TableDefinition): Properties {
  const { name, version, schema } = definition
  const createSchema = avroSchemaOf(name, schema, { metaFields: false })
  const properties = new Map([
    ['hoodie.table.name', name],
    ['hoodie.table.type', definition.tableType],
    ['hoodie.table.version', String(version)],
    ['hoodie.timeline.layout.version', String(layoutOf(version))],
    ['hoodie.table.checksum', tableChecksum(name)],
    ['hoodie.table.base.file.format', 'PARQUET'],
    ['hoodie.table.timeline.timezone', 'UTC'],
    ['hoodie.populate.meta.fields', 'true'],
    ['hoodie.datasource.write.drop.partition.columns', 'false'],
    ['hoodie.datasource.write.hive_style_partitioning', 'true'],
    ['hoodie.datasource.write.partitionpath.urlencode', String(escapesPartitions(definition))],
    ['hoodie.table.create.schema', JSON.stringify(createSchema)],
  ])
  if (schema.key.length > 0) properties.set('hoodie.table.recordkey.fields', schema.key.join(','))
  if (definition.partitionFields.length > 0)
    properties.set('hoodie.table.partition.fields', definition.partitionFields.join(','))
  for (const [key, value] of versionProperties(definition)) properties.set(key, value)
  return properties
}

/** Whether values in partition paths may have characters that are escaped there. */
function escapesPartitions({ partitionBy = [] }: TableDefinition): boolean {
  return partitionBy.some(({ by }) => by === 'value')
}

function versionProperties(definition: TableDefinition): [string, string][] {
  const { orderingField, version } = definition
  const generator = keyGenerator(definition)
  if (version === 6)
    return [
      ['hoodie.archivelog.folder', 'archived'],
      ['hoodie.table.precombine.field', orderingField],
      ['hoodie.table.keygenerator.class', `org.apache.hudi.keygen.${generator.className}`],
      ['hoodie.compaction.payload.class', payloadClass],
      ['hoodie.compaction.record.merger.strategy', eventTimeStrategy],
    ]
  const both: [string, string][] = [
    ['hoodie.table.initial.version', String(version)],
    ['hoodie.timeline.path', 'timeline'],
    ['hoodie.timeline.history.path', 'history'],
    ['hoodie.table.keygenerator.type', generator.type],
    ['hoodie.record.merge.mode', 'EVENT_TIME_ORDERING'],
  ]
  if (version === 9)
    return [...both, ['hoodie.table.format', 'native'], ['hoodie.table.ordering.fields', orderingField]]
  return [
    ...both,
    ['hoodie.table.precombine.field', orderingField],
    ['hoodie.compaction.payload.class', payloadClass],
    ['hoodie.record.merge.strategy.id', eventTimeStrategy],
  ]
}

function keyGenerator({ schema, partitionFields }: TableDefinition): { type: string; className: string } {
  if (partitionFields.length === 0) return { type: 'NON_PARTITION', className: 'NonpartitionedKeyGenerator' }
  if (partitionFields.length === 1 && schema.key.length <= 1)
    return { type: 'SIMPLE', className: 'SimpleKeyGenerator' }
  return { type: 'COMPLEX', className: 'ComplexKeyGenerator' }
}
