// Opens a table for writing, making it when it does not exist. What an existing table is was decided by whoever
// made it; the caller's wish must go together with that.
import { withSampled } from '#catalog/sampled-schema.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import { defaultServicePolicy, servicePolicy, TableServices } from '#lake/services/table-services.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { sequenceColumn, tableColumns, withOwnColumns } from './columns.ts'
import { createTable } from './create.ts'
import type { TableDefinition, TableType, TableVersion } from './definition.ts'
import type { EvolutionPolicy } from './evolve.ts'
import { TableWriter } from './table-writer.ts'

export interface WantedTable {
  name: string
  /** The source's schema; with a key, the table holds one row per key. */
  schema: TableSchema
  /** The schema was sampled: a table that exists keeps its columns and their types. */
  sampled?: boolean
  /** File groups of a new table with a key. Undefined: by size. */
  buckets?: number
  /** Rough size of the source table; 0 when unknown. */
  estimatedBytes: number
  version: TableVersion
  /** Of a table with a key; MERGE_ON_READ when undefined. */
  tableType?: TableType
  policy: EvolutionPolicy
  /** How long earlier states of the table stay readable; 24 hours when undefined. */
  retentionMs?: number
}

export interface WriterContext {
  /** Rooted at the table. */
  store: ObjectStore
  clock: Clock
  /** Who writes, for people. */
  writer: string
  /** Ends the opening; the writer then lives until it is closed. */
  signal: AbortSignal
}

/** @throws ConfigError LAKE_TABLE_MISMATCH, COLUMN_NAME_UNSUPPORTED, and those of the journal */
export async function openTable(wanted: WantedTable, context: WriterContext): Promise<TableWriter> {
  const { store, clock, writer: name, signal } = context
  const definition = await createTable(store, definitionOf(wanted), clock)
  checkMatch(definition, wanted)
  signal.throwIfAborted()
  const closing = new AbortController()
  const journal = await Journal.open(store, { clock, writer: name, signal: closing.signal })
  const { policy, retentionMs = defaultServicePolicy.cleaning.retentionMs } = wanted
  const services = new TableServices({ store, definition, clock, writer: name }, servicePolicy(retentionMs))
  const writer = new TableWriter({ store, definition, journal, clock, policy, services, closing })
  await writer.evolve(wanted.sampled === true ? withSampled(writer.schema, wanted.schema) : wanted.schema)
  return writer
}

function definitionOf(wanted: WantedTable): TableDefinition {
  const schema = withOwnColumns(tableColumns(wanted.name, wanted.schema))
  const keyed = schema.key.length > 0
  return {
    name: wanted.name,
    kind: keyed ? 'keyed' : 'append',
    tableType: keyed ? (wanted.tableType ?? 'MERGE_ON_READ') : 'COPY_ON_WRITE',
    version: wanted.version,
    schema,
    buckets: keyed ? (wanted.buckets ?? bucketsFor(wanted.estimatedBytes)) : 0,
    partitionFields: [],
    orderingField: sequenceColumn,
  }
}

const bytesPerBucket = 256 << 20
const bucketsUnknown = 4
const bucketsMax = 256

/** A bucket is a file group, and a file group reads best at some hundred megabytes. */
export function bucketsFor(estimatedBytes: number): number {
  if (estimatedBytes <= 0) return bucketsUnknown
  return Math.min(bucketsMax, Math.ceil(estimatedBytes / bytesPerBucket))
}

function checkMatch(definition: TableDefinition, wanted: WantedTable): void {
  const { name, schema } = wanted
  const key = tableColumns(name, schema).key
  const has = definition.schema.key
  if (has.join() !== key.join()) throw mismatch(name, `it has ${keyText(has)}, the job wants ${keyText(key)}`)
  if (definition.partitionFields.length > 0)
    throw mismatch(name, 'it has partitions, which cannot be written yet')
  if (
    wanted.tableType !== undefined &&
    definition.kind === 'keyed' &&
    wanted.tableType !== definition.tableType
  )
    throw mismatch(name, `it is ${definition.tableType}, the job wants ${wanted.tableType}`)
  if (wanted.buckets !== undefined && definition.kind === 'keyed' && wanted.buckets !== definition.buckets)
    throw mismatch(name, `it has ${definition.buckets} buckets, the job wants ${wanted.buckets}`)
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
