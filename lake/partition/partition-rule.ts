// How the partition of a row follows from its columns. Hudi's readers want each partition field to be a column of
// the table, in the files too; so a date part or a hash is a column of its own that the lake adds
// (`created_at_day`), and every engine reads, filters and prunes by it as by any other.
// https://hudi.apache.org/docs/key_generation
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { typeName } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { avroName } from '#lake/avro/schema.ts'

export const dateParts = ['year', 'month', 'day', 'hour'] as const
export type DatePart = (typeof dateParts)[number]

/** What people wish: a column by its value, a part of its date, or its hash. */
export interface WantedPartition {
  /** As the source calls it. */
  column: string
  datePart?: DatePart
  /** Number of partitions the column's hash is spread over. */
  hash?: number
  /** Of the partition field; undefined: the column's, with `_day` or `_hash` behind it. */
  name?: string
}

export interface PartitionRule {
  /** The partition field: a column of the table. */
  field: string
  /** The column its value follows from; the field itself with `value`. */
  column: string
  by: 'value' | 'hash' | DatePart
  /** With `hash`: how many values there are; else 0. */
  hashes: number
}

/** `table`: a key has one row in the whole table. `partition`: one in each partition. */
export type KeyScope = 'table' | 'partition'

const valueKinds = ['string', 'int32', 'int64', 'boolean', 'date']
const hashKinds = ['string', 'int32', 'int64', 'date']

export function partitionRules(wanted: readonly WantedPartition[]): PartitionRule[] {
  return wanted.map(partition => ruleOf(partition))
}

/**
 * Whether a new table can have these partitions.
 * @param schema the columns as the table calls them, without those the lake adds
 * @throws ConfigError PARTITION_UNSUPPORTED
 */
export function checkPartitionRules(
  table: string,
  rules: readonly PartitionRule[],
  schema: TableSchema,
): void {
  const taken = new Set(schema.columns.map(({ name }) => name.toLowerCase()))
  for (const rule of rules) {
    checkType(table, rule, schema)
    if (rule.by === 'value') continue
    if (taken.has(rule.field.toLowerCase()))
      throw refused(table, `there is a column ${rule.field} already: give the partition another \`name\``)
    taken.add(rule.field.toLowerCase())
  }
  if (new Set(rules.map(({ field }) => field)).size < rules.length)
    throw refused(table, 'a column is named twice')
}

function ruleOf({ column: wanted, datePart, hash, name }: WantedPartition): PartitionRule {
  const column = avroName(wanted)
  if (datePart !== undefined)
    return { field: avroName(name ?? `${column}_${datePart}`), column, by: datePart, hashes: 0 }
  if (hash !== undefined)
    return { field: avroName(name ?? `${column}_hash`), column, by: 'hash', hashes: hash }
  return { field: column, column, by: 'value', hashes: 0 }
}

/** Whether a column can name partitions. @throws ConfigError PARTITION_UNSUPPORTED */
function checkType(table: string, { column, by }: PartitionRule, schema: TableSchema): void {
  const type = schema.columns.find(({ name }) => name === column)?.type
  if (type === undefined) throw refused(table, `there is no column ${column}`)
  const fits =
    by === 'value'
      ? valueKinds.includes(type.kind)
      : by === 'hash'
        ? hashKinds.includes(type.kind)
        : type.kind === 'timestamp' || (type.kind === 'date' && by !== 'hour')
  if (fits) return
  const what = by === 'value' ? 'values' : by === 'hash' ? 'hash' : by
  throw refused(table, `the ${what} of ${column}, a ${typeName(type)}, cannot name partitions`)
}

/**
 * Refuses a change of a column after which the same value would go to another partition.
 * @throws ConfigError PARTITION_UNSUPPORTED
 */
export function checkPartitionsKeep(
  table: string,
  rules: readonly PartitionRule[],
  schemas: { before: TableSchema; after: TableSchema },
): void {
  for (const { column, by } of rules) {
    const [from, to] = [schemas.before, schemas.after].map(
      schema => schema.columns.find(({ name }) => name === column)?.type.kind,
    )
    // 5 and 5 have one text, but not one hash, as an int and as a long; 5.0 has another text.
    if (from === to || (by === 'value' && from === 'int32' && to === 'int64')) continue
    throw refused(table, `${column} names partitions, so its type cannot change from ${from} to ${to}`)
  }
}

function partitionColumns(rules: readonly PartitionRule[]): Column[] {
  return rules
    .filter(({ by }) => by !== 'value')
    .map(({ field, by }) => ({ name: field, type: fieldType(by), nullable: true }))
}

/** The schema with the columns the lake adds for the partition fields behind its own. */
export function withPartitionColumns(schema: TableSchema, rules: readonly PartitionRule[]): TableSchema {
  return { columns: [...schema.columns, ...partitionColumns(rules)], key: schema.key }
}

/** A schema without the columns the lake added for the partition fields. */
export function withoutPartitionColumns(
  schema: TableSchema,
  rules: readonly PartitionRule[] = [],
): TableSchema {
  const added = new Set(partitionColumns(rules).map(({ name }) => name))
  return { columns: schema.columns.filter(({ name }) => !added.has(name)), key: schema.key }
}

function fieldType(by: PartitionRule['by']): ColumnType {
  return by === 'hash' ? { kind: 'int32' } : { kind: 'string' }
}

/** Whether a key never changes its partition: whatever names the partition is part of the key. */
export function keyNamesPartition(rules: readonly PartitionRule[], key: readonly string[]): boolean {
  return rules.every(({ column }) => key.includes(column))
}

function refused(table: string, why: string): ConfigError {
  return new ConfigError(`Partitions of table ${table}: ${why}`, {
    code: 'PARTITION_UNSUPPORTED',
    context: { table },
  })
}
