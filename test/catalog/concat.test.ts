import { expect } from 'chai'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import {
  BinaryBuilder,
  BooleanBuilder,
  DecimalBuilder,
  Int32Builder,
  ListBuilder,
  StructBuilder,
  columnBuilder,
} from '#catalog/column-builder.ts'
import { concatBatches, concatVectors } from '#catalog/concat.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import type { ColumnType } from '#catalog/types.ts'

const types: ColumnType[] = [
  { kind: 'boolean' },
  { kind: 'int32' },
  { kind: 'decimal', precision: 9, scale: 2 },
  { kind: 'string' },
  { kind: 'list', element: { kind: 'string' } },
  {
    kind: 'struct',
    fields: [
      { name: 'a', type: { kind: 'int32' } },
      { name: 'b', type: { kind: 'list', element: { kind: 'boolean' } } },
    ],
  },
]

function append(builder: ColumnBuilder, row: number): void {
  if (row % 5 === 0) builder.appendNull()
  else if (builder instanceof BooleanBuilder) builder.append(row % 3 === 0)
  else if (builder instanceof Int32Builder) builder.append(row)
  else if (builder instanceof DecimalBuilder) builder.append(BigInt(row))
  else if (builder instanceof BinaryBuilder) builder.appendString('v'.repeat(row % 4) + row)
  else if (builder instanceof ListBuilder) {
    for (let item = 0; item < row % 3; item++) append(builder.child, row + item)
    builder.closeRow()
  } else if (builder instanceof StructBuilder) {
    for (const [at, child] of builder.children.entries()) append(child, row + at)
    builder.closeRow()
  }
}

function valueAt(vector: ColumnVector, row: number): unknown {
  if (isNull(vector, row)) return null
  switch (vector.layout) {
    case 'bits':
      return bitAt(vector.values, row)
    case 'fixed':
      return Buffer.from(vector.values.subarray(row * vector.width, (row + 1) * vector.width)).toString('hex')
    case 'binary':
      return Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1])).toString()
    case 'list': {
      const items = []
      for (let item = vector.offsets[row]!; item < vector.offsets[row + 1]!; item++)
        items.push(valueAt(vector.child, item))
      return items
    }
    case 'struct':
      return vector.children.map(child => valueAt(child, row))
    default:
      return vector.values[row]
  }
}

describe('concat', () => {
  for (const type of types)
    for (const sizes of [
      [3, 8, 5],
      [8, 16],
      [1, 1, 1, 30],
      [0, 7],
    ])
      it(`joins ${type.kind} vectors of ${sizes.join('+')} rows as if built in one go`, () => {
        const whole = columnBuilder(type)
        const parts: ColumnVector[] = []
        let row = 1
        for (const size of sizes) {
          const part = columnBuilder(type)
          for (let n = 0; n < size; n++, row++) {
            append(part, row)
            append(whole, row)
          }
          parts.push(part.finish())
        }
        const joined = concatVectors(parts)
        const expected = whole.finish()
        expect(joined.length).to.equal(expected.length)
        expect(joined.nullCount).to.equal(expected.nullCount)
        for (let at = 0; at < expected.length; at++)
          expect(valueAt(joined, at)).to.deep.equal(valueAt(expected, at))
      })

  it('keeps operations, and takes batches without them as inserts', () => {
    const schema = {
      columns: [{ name: 'id', type: { kind: 'int32' as const }, nullable: false }],
      key: ['id'],
    }
    const batch = (values: number[], operations: Uint8Array | null) => {
      const builder = new Int32Builder({ kind: 'int32' })
      values.forEach(value => builder.append(value))
      const sequences = BigInt64Array.from(values.map(BigInt))
      return { schema, length: values.length, columns: [builder.finish()], operations, sequences }
    }
    const joined = concatBatches([batch([1, 2], null), batch([3], Uint8Array.of(2))])
    expect([...joined.operations!]).to.deep.equal([0, 0, 2])
    expect([...joined.sequences]).to.deep.equal([1n, 2n, 3n])
    expect(concatBatches([batch([1], null), batch([2], null)]).operations).to.equal(null)
  })
})
