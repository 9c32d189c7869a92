import { expect } from 'chai'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import {
  BinaryBuilder,
  BooleanBuilder,
  DecimalBuilder,
  Int64Builder,
  ListBuilder,
  columnBuilder,
} from '#catalog/column-builder.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import type { ColumnType } from '#catalog/types.ts'

describe('column builders', () => {
  it('keep values, nulls and unchanged marks apart, also across growth', () => {
    const builder = new Int64Builder({ kind: 'int64' })
    for (let row = 0; row < 5000; row++) {
      if (row % 7 === 0) builder.appendNull()
      else if (row % 11 === 0) builder.appendUnchanged()
      else builder.append(BigInt(row) - 2500n)
    }
    const vector = builder.finish()
    if (vector.layout !== 'int64') throw new Error('wrong layout')
    for (let row = 0; row < 5000; row++) {
      const unchanged = row % 7 !== 0 && row % 11 === 0
      expect(isNull(vector, row), `null at ${row}`).to.equal(row % 7 === 0 || unchanged)
      expect(bitAt(vector.unchanged!, row), `unchanged at ${row}`).to.equal(unchanged)
      if (!isNull(vector, row)) expect(vector.values[row]).to.equal(BigInt(row) - 2500n)
    }
    expect(builder.length).to.equal(0)
    builder.append(1n)
    expect(builder.finish().validity).to.equal(null)
  })

  it('write numbers and halves as the BigInt would be written', () => {
    const builder = new Int64Builder({ kind: 'int64' })
    const values = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53 - 1)]
    for (const value of values) builder.appendNumber(value)
    builder.appendHalves(-0x80000000, 0)
    builder.appendHalves(0x7fffffff, -1)
    const vector = builder.finish()
    if (vector.layout !== 'int64') throw new Error('wrong layout')
    expect([...vector.values.subarray(0, vector.length)]).to.deep.equal([
      ...values.map(BigInt),
      -(2n ** 63n),
      2n ** 63n - 1n,
    ])
  })

  it('write decimals big-endian in the least width, and refuse one digit too many', () => {
    const builder = new DecimalBuilder({ kind: 'decimal', precision: 10, scale: 2 })
    expect(builder.width).to.equal(5)
    builder.append(9999999999n)
    builder.append(-1n)
    builder.appendNumber(-12345)
    const vector = builder.finish()
    if (vector.layout !== 'fixed') throw new Error('wrong layout')
    expect(Buffer.from(vector.values.subarray(0, 15)).toString('hex')).to.equal(
      '02540be3ff' + 'ffffffffff' + 'ffffffcfc7',
    )
    expect(() => builder.append(10000000000n))
      .to.throw()
      .with.property('code', 'VALUE_OUT_OF_RANGE')
  })

  it('hold text of every width', () => {
    const builder = new BinaryBuilder({ kind: 'string' })
    const texts = ['', 'a', 'é', '€', '😀', 'x'.repeat(100_000), '\0']
    for (const text of texts) builder.appendString(text)
    for (const text of texts) builder.appendBytes(Buffer.from(`[${text}]`), 1, 1 + Buffer.byteLength(text))
    const vector = builder.finish()
    if (vector.layout !== 'binary') throw new Error('wrong layout')
    const read = Array.from({ length: vector.length }, (_, row) =>
      Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1])).toString(),
    )
    expect(read).to.deep.equal([...texts, ...texts])
  })

  it('forget a half-decoded row, whatever the layout', () => {
    const types: ColumnType[] = [
      { kind: 'boolean' },
      { kind: 'int64' },
      { kind: 'decimal', precision: 5, scale: 0 },
      { kind: 'string' },
      { kind: 'list', element: { kind: 'string' } },
    ]
    for (const type of types) {
      const append = (builder: ColumnBuilder, row: number): void => {
        if (row % 5 === 3) builder.appendNull()
        else if (row % 5 === 4) builder.appendUnchanged()
        else if (builder instanceof BooleanBuilder) builder.append(row % 2 === 0)
        else if (builder instanceof Int64Builder) builder.appendNumber(row)
        else if (builder instanceof DecimalBuilder) builder.appendNumber(row)
        else if (builder instanceof BinaryBuilder) builder.appendString(`row ${row}`)
        else if (builder instanceof ListBuilder) {
          ;(builder.child as BinaryBuilder).appendString(`element ${row}`)
          builder.closeRow()
        }
      }
      const [clean, rolledBack] = [columnBuilder(type), columnBuilder(type)]
      for (let row = 0; row < 3000; row++) {
        append(clean, row)
        append(rolledBack, row)
        for (let extra = 1; extra < 4; extra++) append(rolledBack, row + extra)
        rolledBack.truncate(row + 1)
      }
      expect(rolledBack.byteLength, type.kind).to.equal(clean.byteLength)
      expect(visible(rolledBack.finish()), type.kind).to.deep.equal(visible(clean.finish()))
    }
  })
})

/** What of a vector counts: buffers cut to the rows there are. */
function visible(vector: ColumnVector): unknown {
  const rows = Array.from({ length: vector.length }, (_, row) => [
    isNull(vector, row),
    vector.unchanged !== null && bitAt(vector.unchanged, row),
  ])
  const live =
    vector.layout === 'list'
      ? visible(vector.child)
      : vector.layout === 'struct'
        ? vector.children.map(visible)
        : vector.layout === 'binary'
          ? Buffer.from(vector.data.subarray(0, vector.offsets[vector.length])).toString('latin1')
          : vector.layout === 'bits'
            ? rows.map((_, row) => bitAt(vector.values, row))
            : rows.map(([isMissing], row) =>
                isMissing
                  ? null
                  : Array.from(
                      vector.values.slice(row * widthOf(vector), (row + 1) * widthOf(vector)),
                      String,
                    ),
              )
  return { rows, nullCount: vector.nullCount, live }
}

function widthOf(vector: ColumnVector): number {
  return vector.layout === 'fixed' ? vector.width : 1
}
