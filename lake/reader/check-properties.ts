// Whether hoodie.properties is what somebody wrote. Most of what it says nobody else says: without its type a table
// that has logs would be read without them, and without its ordering field late changes would win. So what must be
// there is looked for, the checksum of the names is verified, and of a table of ours all of it is held against what it
// was made as.
import { DataError } from '#common/errors.ts'
import type { TableDefinition } from '#lake/table/definition.ts'
import type { Properties } from '#lake/timeline/properties.ts'
import { tableChecksum } from '#lake/timeline/properties.ts'

/** A property and the values it may have. */
const required: readonly { property: string; values: RegExp }[] = [
  { property: 'hoodie.table.name', values: /./ },
  { property: 'hoodie.table.type', values: /^(COPY_ON_WRITE|MERGE_ON_READ)$/ },
  { property: 'hoodie.table.version', values: /^\d+$/ },
  { property: 'hoodie.timeline.layout.version', values: /^\d+$/ },
]

/**
 * @param made what the table was made as; null when another engine made it
 * @throws DataError LAKE_FILE_CORRUPT
 */
export function checkProperties(
  properties: Properties,
  table: string,
  made: Pick<TableDefinition, 'name' | 'tableType' | 'orderingField' | 'schema' | 'partitionFields'> | null,
): void {
  for (const { property, values } of required) {
    const value = properties.get(property)
    if (value === undefined) throw damaged(table, `it has no ${property}`)
    if (!values.test(value)) throw damaged(table, `${property} is ${value}`)
  }
  const name = properties.get('hoodie.table.name')!
  const checksum = properties.get('hoodie.table.checksum')
  if (checksum !== undefined && checksum !== tableChecksum(name, properties.get('hoodie.database.name')))
    throw damaged(table, 'its checksum is not that of the table’s name')
  if (made !== null) checkAgainst(made, properties, table)
}

function checkAgainst(
  made: Parameters<typeof checkProperties>[2] & object,
  properties: Properties,
  table: string,
): void {
  const says = (...names: string[]): string =>
    names.map(name => properties.get(name)).find(value => value !== undefined) ?? ''
  const facts = [
    { what: 'hoodie.table.name', is: says('hoodie.table.name'), was: made.name },
    { what: 'hoodie.table.type', is: says('hoodie.table.type'), was: made.tableType },
    {
      what: 'the ordering field',
      is: says('hoodie.table.ordering.fields', 'hoodie.table.precombine.field'),
      was: made.orderingField,
    },
    {
      what: 'hoodie.table.recordkey.fields',
      is: says('hoodie.table.recordkey.fields'),
      was: made.schema.key.join(','),
    },
    {
      what: 'hoodie.table.partition.fields',
      // Hudi may say how a field makes the path: `day:timestamp`.
      is: says('hoodie.table.partition.fields').replaceAll(/:\w+/g, ''),
      was: made.partitionFields.join(','),
    },
  ]
  for (const { what, is, was } of facts)
    if (is !== was)
      throw damaged(
        table,
        `${what} is ${is === '' ? 'not there' : is}; .hoodie/.sluice/table.json has ${was}`,
      )
}

function damaged(table: string, why: string): DataError {
  const path = '.hoodie/hoodie.properties'
  return new DataError(`${path} of ${table} is damaged: ${why}`, {
    code: 'LAKE_FILE_CORRUPT',
    context: { table, path },
  })
}
