// A schema that was learned from a sample of records, laid over what the target table has by now. No sample has every
// member of every record, and which records are the newest changes from one look to the next: columns the table has
// are read on, and with the type it has, whatever this sample shows. A value that does not fit that type is a bad
// record, one by one; a column that was left out would be null without a word.
import type { Column, ColumnType, StructField, TableSchema } from './types.ts'

/**
 * The columns of the table under their names at the source, then those that only the sample has, in its order.
 * @param stored the target's columns
 */
export function withSampled(stored: TableSchema, sampled: TableSchema): TableSchema {
  const known = stored.columns.map((column): Column => {
    const { name, type, sourceName = name } = column
    const inSample = sampled.columns.find(each => each.name === sourceName)
    return {
      name: sourceName,
      type: withSampledFields(type, inSample?.type),
      nullable: inSample?.nullable ?? !sampled.key.includes(sourceName),
    }
  })
  const names = new Set(known.map(({ name }) => name))
  return { columns: [...known, ...sampled.columns.filter(({ name }) => !names.has(name))], key: sampled.key }
}

/**
 * A column's type with its fields under their names at the source, and those that only the sample has behind them.
 * @param sampled undefined: no record of the sample had the column
 */
export function withSampledFields(stored: ColumnType, sampled: ColumnType | undefined): ColumnType {
  if (stored.kind === 'list')
    return {
      kind: 'list',
      element: withSampledFields(stored.element, sampled?.kind === 'list' ? sampled.element : undefined),
    }
  if (stored.kind === 'map')
    return {
      kind: 'map',
      value: withSampledFields(stored.value, sampled?.kind === 'map' ? sampled.value : undefined),
    }
  if (stored.kind !== 'struct') return stored
  const inSample = sampled?.kind === 'struct' ? sampled.fields : []
  const known = stored.fields.map(({ name, type, sourceName = name }): StructField => {
    const field = inSample.find(each => each.name === sourceName)
    return { name: sourceName, type: withSampledFields(type, field?.type) }
  })
  const names = new Set(known.map(({ name }) => name))
  return { kind: 'struct', fields: [...known, ...inSample.filter(({ name }) => !names.has(name))] }
}
