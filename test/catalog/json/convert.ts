// One value of JSON as a column has it, for the tests of its conversions.
import { expect } from 'chai'
import { columnBuilder } from '#catalog/column-builder.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import { JsonColumns } from '#catalog/json/columns.ts'
import { parseTypeName } from '#catalog/type-name.ts'
import { DataError } from '#common/errors.ts'

/** The value at a row, as a test writes it: bigint for 64 bits and decimals, text for strings, null. */
export function valueAt(vector: ColumnVector, row: number): unknown {
  if (isNull(vector, row)) return null
  switch (vector.layout) {
    case 'bits':
      return bitAt(vector.values, row)
    case 'fixed':
      return BigInt.asIntN(
        vector.width * 8,
        BigInt(
          `0x${Buffer.from(vector.values.subarray(row * vector.width, (row + 1) * vector.width)).toString('hex')}`,
        ),
      )
    case 'binary': {
      const bytes = Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1]))
      return vector.type.kind === 'bytes' ? bytes.toString('hex') : bytes.toString()
    }
    case 'list': {
      const from = vector.offsets[row]!
      return Array.from({ length: vector.offsets[row + 1]! - from }, (_, at) =>
        valueAt(vector.child, from + at),
      )
    }
    case 'struct':
      return vector.children.map(child => valueAt(child, row))
    default:
      return vector.values[row]
  }
}

/** Reads the text as one value of the type; the error's code when it does not fit. */
export function convert(type: string, text: string, nullable = true): unknown {
  const builder = columnBuilder(parseTypeName(type)!)
  const column = { name: 'c', type: builder.type, nullable }
  const columns = new JsonColumns([{ column, builder, path: ['c'] }])
  const bytes = Buffer.from(`{"c":${text}}`)
  try {
    columns.prepare(bytes, 0, bytes.length)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    expect(error.context['column']).to.match(/^c(\.|$)/)
    expect(builder.length, 'rows after a refusal').to.equal(0)
    return error.code
  }
  columns.append()
  return valueAt(builder.finish(), 0)
}

export const bad = 'RECORD_MALFORMED'
export const range = 'VALUE_OUT_OF_RANGE'
