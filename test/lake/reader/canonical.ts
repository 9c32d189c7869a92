// Rows of vectors in the canonical form of test/golden/README.md.
import type { ColumnVector } from '#catalog/column.ts'
import type { RowBatch } from '#lake/reader/slice-reader.ts'
import { decimalText } from '#lake/key/key-text.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalValue } from '#test/bed/canonical.ts'
import { valueAt } from '../table/vectors.ts'

export function canonicalRows({ rows, columns }: RowBatch): CanonicalRow[] {
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      columns.map(({ name, vector }) => [name, canonicalValue(vector.type, plainValue(vector, row))]),
    ),
  )
}

/** A value as canonicalValue takes it. */
export function plainValue(vector: ColumnVector, row: number): unknown {
  const value = valueAt(vector, row)
  if (value === null) return null
  const { type } = vector
  if (type.kind === 'decimal') return plainDecimal(value as bigint, type.scale)
  if (type.kind === 'bytes') return Buffer.from(value as string, 'hex')
  if (vector.layout === 'list') {
    const { offsets, child } = vector
    const elements = Array.from({ length: offsets[row + 1]! - offsets[row]! }, (_, at) =>
      plainValue(child, offsets[row]! + at),
    )
    return type.kind === 'map' ? elements.map(entry => Object.values(entry as object)) : elements
  }
  if (vector.layout === 'struct' && type.kind === 'struct')
    return Object.fromEntries(
      type.fields.map(({ name }, at) => [name, plainValue(vector.children[at]!, row)]),
    )
  return typeof value === 'bigint' && value >= -(2n ** 53n) + 1n && value < 2n ** 53n ? Number(value) : value
}

function plainDecimal(unscaled: bigint, scale: number): string {
  if (scale === 0) return decimalText(unscaled, 0)
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
