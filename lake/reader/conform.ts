// Brings columns read from a file into the order and types of the table's schema: the file may be older than
// columns added since, or hold narrower types.
import type { ColumnVector } from '#catalog/column.ts'
import type { Column, ColumnType } from '#catalog/types.ts'
import { typeName } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { fitsInto } from '#lake/table/evolve.ts'
import { shortestDouble } from '#lake/key/key-text.ts'
import { converted, nullVector, widen } from '#lake/table/project.ts'

/** One vector per column asked for, `rows` long; a column the file lacks is all null. */
export function conform(
  read: readonly NamedVector[],
  rows: number,
  columns: readonly Column[],
): NamedVector[] {
  return columns.map(({ name, type }) => {
    const found = read.find(column => column.name === name)
    const asRead = (vector: ColumnVector, inner: ColumnType): ColumnVector => asType(name, vector, inner)
    const vector = found === undefined ? nullVector(type, rows) : converted(found.vector, type, asRead)
    return { name, vector, nullable: true }
  })
}

function asType(name: string, vector: ColumnVector, type: ColumnType): ColumnVector {
  if (fitsInto(vector.type, type)) return widen(vector, type)
  if (vector.layout === 'float32' && type.kind === 'float64')
    return { ...vector, type, layout: 'float64', values: Float64Array.from(vector.values, shortestDouble) }
  throw new DataError(
    `Column ${name} is ${typeName(vector.type)} in a file and ${typeName(type)} in the table`,
    { code: 'LAKE_TYPE_UNSUPPORTED', context: { column: name } },
  )
}
