// A schema that was learned from a sample of records, laid over what the target table has by now. No sample has every
// member of every record, and which records are the newest changes from one look to the next: columns the table has
// are read on, and with the type it has, whatever this sample shows. A value that does not fit that type is a bad
// record, one by one; a column that was left out would be null without a word.
import type { Column, TableSchema } from './types.ts'

/**
 * The columns of the table under their names at the source, then those that only the sample has, in its order.
 * @param stored the target's columns
 */
export function withSampled(stored: TableSchema, sampled: TableSchema): TableSchema {
  const known = stored.columns.map((column): Column => {
    const { name, type, sourceName = name } = column
    const inSample = sampled.columns.find(each => each.name === sourceName)
    return { name: sourceName, type, nullable: inSample?.nullable ?? !sampled.key.includes(sourceName) }
  })
  const names = new Set(known.map(({ name }) => name))
  return { columns: [...known, ...sampled.columns.filter(({ name }) => !names.has(name))], key: sampled.key }
}
