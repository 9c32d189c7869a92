// Opens a table for writing, making it when it does not exist. What an existing table is was decided by whoever
// made it; the caller's wish must go together with that.
import { withSampled } from '#catalog/sampled-schema.ts'
import type { TableSchema } from '#catalog/types.ts'
import { isNested, typeName } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { Turns } from '#common/turns.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { Sharing } from '#lake/journal/sharing.ts'
import { defaultSharing } from '#lake/journal/sharing.ts'
import type { ServiceOptions } from '#lake/services/table-services.ts'
import { defaultServicePolicy, servicePolicy, TableServices } from '#lake/services/table-services.ts'
import { UrgentWork } from '#lake/services/urgent-work.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { layoutOf, marksDeletes } from './definition.ts'
import { sequenceColumn, tableColumns, withOwnColumns } from './columns.ts'
import { avroName } from '#lake/avro/schema.ts'
import { createTable, readDefinition } from './create.ts'
import type { TableDefinition, TableType, TableVersion } from './definition.ts'
import type { DuplicatePolicy } from './duplicates.ts'
import type { EvolutionPolicy } from './evolve.ts'
import type { KeyScope, PartitionRule, WantedPartition } from '#lake/partition/partition-rule.ts'
import { checkPartitionRules, partitionRules, withPartitionColumns } from '#lake/partition/partition-rule.ts'
import { TableWriter } from './table-writer.ts'

export interface WantedTable {
  name: string
  /** The source's schema; with a key, the table holds one row per key. */
  schema: TableSchema
  /** The schema was sampled: a table that exists keeps its columns and their types. */
  sampled?: boolean
  /** File groups of a new table with a key. Undefined: by size. */
  buckets?: number
  /** Partitions of the table, from the outer to the inner. */
  partitionBy?: readonly WantedPartition[]
  /** Of a table with a key and partitions: where a key has one row. `table` when undefined. */
  keyScope?: KeyScope
  /** What a writer may remember of where keys are, in a table whose rows may move between partitions. */
  keyIndexBytes?: number
  /** Of a table without a key: columns that tell a row from others, by the source's names. */
  dropDuplicates?: DuplicatePolicy
  /** Rough size of the source table; 0 when unknown. */
  estimatedBytes: number
  version: TableVersion
  /** Of a table with a key; MERGE_ON_READ when undefined. */
  tableType?: TableType
  policy: EvolutionPolicy
  /** How long earlier states of the table stay readable; 24 hours when undefined. */
  retentionMs?: number
  /** With other engines; defaultSharing when undefined. */
  sharing?: Sharing
  /** How long the state at the end of each day stays readable, where that is longer. */
  dailyHistoryMs?: number
  services?: ServiceOptions
}

export interface WriterContext {
  /** Rooted at the table. */
  store: ObjectStore
  clock: Clock
  /** Who writes, for people. */
  writer: string
  /** Ends the opening; the writer then lives until it is closed. */
  signal: AbortSignal
  /** Shared by the tables of a thread, whose services give way to all of their commits. */
  urgent?: UrgentWork
}

/** @throws ConfigError LAKE_TABLE_MISMATCH, COLUMN_NAME_UNSUPPORTED, KEY_UNSUPPORTED, and those of the journal */
export async function openTable(wanted: WantedTable, context: WriterContext): Promise<TableWriter> {
  const { store, clock, writer: name, signal, urgent = new UrgentWork() } = context
  const dropDuplicates = duplicatePolicy(wanted)
  // Of a table that exists the source may have dropped a column since.
  if ((await readDefinition(store)) === null) {
    checkKeyOf(wanted)
    checkPartitionsOf(wanted)
  }
  const definition = await createTable(store, definitionOf(wanted), clock)
  checkMatch(definition, wanted)
  signal.throwIfAborted()
  const closing = new AbortController()
  const { sharing = defaultSharing } = wanted
  const journal = await Journal.open(store, { clock, writer: name, signal: closing.signal, sharing })
  const { policy, retentionMs = defaultServicePolicy.cleaning.retentionMs, dailyHistoryMs } = wanted
  // Keeps the writer's commits and a compaction apart where readers need that: a log of table version 6 names the slice it
  // belongs to, so it is wrong once that slice was compacted. Between processes the journal decides.
  const turns = layoutOf(definition.version) === 1 ? { turns: new Turns() } : {}
  const services = new TableServices(
    { store, definition, clock, writer: name, sharing, urgent, ...turns },
    servicePolicy(retentionMs, dailyHistoryMs, wanted.services),
  )
  const { keyIndexBytes = keyIndexBytesDefault } = wanted
  const writer = new TableWriter({
    store,
    definition,
    journal,
    clock,
    policy,
    services,
    urgent,
    closing,
    ...turns,
    keyIndexBytes,
    dropDuplicates,
  })
  await writer.evolve(wanted.sampled === true ? withSampled(writer.schema, wanted.schema) : wanted.schema)
  return writer
}

function checkKeyOf({ name, schema }: WantedTable): void {
  for (const column of schema.key) checkTellsApart(name, schema, column)
}

/** @throws ConfigError KEY_UNSUPPORTED when rows cannot be told apart by the column */
function checkTellsApart(table: string, schema: TableSchema, name: string): void {
  const column = schema.columns.find(each => each.name === name)
  if (column === undefined || !isNested(column.type)) return
  throw new ConfigError(
    `Rows of table ${table} cannot be told apart by ${name}, a ${typeName(column.type)}`,
    {
      code: 'KEY_UNSUPPORTED',
      context: { table, column: name },
    },
  )
}

function checkPartitionsOf({ name, schema, partitionBy = [] }: WantedTable): void {
  if (partitionBy.length > 0)
    checkPartitionRules(name, partitionRules(partitionBy), tableColumns(name, schema))
}

function definitionOf(wanted: WantedTable): TableDefinition {
  const columns = tableColumns(wanted.name, wanted.schema)
  const keyed = columns.key.length > 0
  const kind = keyed ? 'keyed' : 'append'
  const tableType = keyed ? (wanted.tableType ?? 'MERGE_ON_READ') : 'COPY_ON_WRITE'
  const { version } = wanted
  const rules = partitionRules(wanted.partitionBy ?? [])
  const schema = withOwnColumns(withPartitionColumns(columns, rules), {
    marksDeletes: marksDeletes({ kind, tableType, version }),
  })
  return {
    name: wanted.name,
    kind,
    tableType,
    version,
    schema,
    buckets: keyed ? (wanted.buckets ?? bucketsFor(wanted.estimatedBytes, rules)) : 0,
    partitionFields: rules.map(({ field }) => field),
    ...(rules.length > 0 ? { partitionBy: rules } : {}),
    ...(rules.length > 0 && keyed ? { keyScope: wanted.keyScope ?? 'table' } : {}),
    orderingField: sequenceColumn,
  }
}

const bytesPerBucket = 256 << 20
const bucketsUnknown = 4
const bucketsMax = 256
/** Some million keys. */
const keyIndexBytesDefault = 64 << 20

/**
 * A bucket is a file group, and a file group reads best at some hundred megabytes. How many partitions a table gets is
 * known only of hashes; of others one bucket each is taken to be enough, for too many make small files in all of them.
 */
export function bucketsFor(estimatedBytes: number, rules: readonly PartitionRule[] = []): number {
  if (rules.some(({ by }) => by !== 'hash')) return 1
  if (estimatedBytes <= 0) return rules.length > 0 ? 1 : bucketsUnknown
  const partitions = rules.reduce((product, { hashes }) => product * hashes, 1)
  return Math.min(bucketsMax, Math.ceil(estimatedBytes / bytesPerBucket / partitions))
}

function checkMatch(definition: TableDefinition, wanted: WantedTable): void {
  const { name, schema } = wanted
  const key = tableColumns(name, schema).key
  const has = definition.schema.key
  if (has.join() !== key.join()) throw mismatch(name, `it has ${keyText(has)}, the job wants ${keyText(key)}`)
  checkPartitions(definition, wanted)
  if (layoutOf(definition.version) === 1 && wanted.services?.compactionBy === 'external')
    throw mismatch(name, 'it has version 6, and compactions of that cannot be left to another engine')
  if (
    wanted.tableType !== undefined &&
    definition.kind === 'keyed' &&
    wanted.tableType !== definition.tableType
  )
    throw mismatch(name, `it is ${definition.tableType}, the job wants ${wanted.tableType}`)
  if (wanted.buckets !== undefined && definition.kind === 'keyed' && wanted.buckets !== definition.buckets)
    throw mismatch(name, `it has ${definition.buckets} buckets, the job wants ${wanted.buckets}`)
}

function checkPartitions(definition: TableDefinition, wanted: WantedTable): void {
  const { name, keyScope, partitionBy } = wanted
  const rules = partitionRules(partitionBy ?? [])
  const has = partitionsText(definition.partitionBy ?? [])
  const wants = partitionsText(rules)
  if (has !== wants) throw mismatch(name, `it has ${has}, the job wants ${wants}`)
  if (keyScope !== undefined && definition.keyScope !== undefined && keyScope !== definition.keyScope)
    throw mismatch(name, `its keys are unique in the ${definition.keyScope}, the job wants the ${keyScope}`)
}

/** @throws ConfigError COLUMN_UNKNOWN, LAKE_TABLE_MISMATCH */
function duplicatePolicy({ name, schema, dropDuplicates }: WantedTable): DuplicatePolicy | null {
  if (dropDuplicates === undefined) return null
  const { columns, key } = tableColumns(name, schema)
  if (key.length > 0) throw mismatch(name, 'it has a key, so it has no duplicates to drop')
  const wanted = dropDuplicates.columns.map(avroName)
  const unknown = wanted.find(column => !columns.some(known => known.name === column))
  if (unknown !== undefined)
    throw new ConfigError(`dropDuplicates of table ${name}: there is no column ${unknown}`, {
      code: 'COLUMN_UNKNOWN',
      context: { table: name, column: unknown },
    })
  for (const column of dropDuplicates.columns) checkTellsApart(name, schema, column)
  return { ...dropDuplicates, columns: wanted }
}

function partitionsText(rules: readonly PartitionRule[]): string {
  if (rules.length === 0) return 'no partitions'
  const one = ({ field, column, by, hashes }: PartitionRule): string =>
    by === 'value' ? field : `${field} (${by}${hashes > 0 ? ` ${hashes}` : ''} of ${column})`
  return `partitions by ${rules.map(one).join(', ')}`
}

function keyText(key: readonly string[]): string {
  return key.length === 0 ? 'no key' : `the key (${key.join(', ')})`
}

function mismatch(table: string, why: string): ConfigError {
  return new ConfigError(`The table ${table} of the lake is not what the job wants: ${why}`, {
    code: 'LAKE_TABLE_MISMATCH',
    context: { table },
  })
}
