import { expect } from 'chai'
import fc from 'fast-check'
import { arrowColumns } from './arrow-oracle.ts'
import { columnsArbitrary, namedVectors, tableOf, valuesOf, vectorFrom } from '#test/lake/vectors.ts'
import { decodeParquet, openParquet } from '#lake/parquet/decode.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'

const compression = fc.constantFrom(...(['zstd', 'zstdSmall', 'snappy', 'uncompressed'] as const))
const plain = { compression: 'zstd', keyValues: {} } as const

describe('Parquet files', () => {
  it('hold every value of every type, by our reader', async () => {
    await fc.assert(
      fc.asyncProperty(
        columnsArbitrary,
        compression,
        fc.constantFrom(8, 16, 1000),
        async (columns, codec, rowGroupRowsMax) => {
          const rows = columns[0]!.values.length
          const options = { compression: codec, keyValues: { k: 'v' }, rowGroupRowsMax }
          const decoded = await decodeParquet(encodeParquet(namedVectors(columns), rows, options))
          expect(decoded.rows).to.equal(rows)
          expect(decoded.keyValues).to.deep.equal({ k: 'v' })
          for (const [index, { type, values }] of columns.entries()) {
            expect(decoded.columns[index]!.vector.type).to.deep.equal(type)
            expect(valuesOf(decoded.columns[index]!.vector)).to.deep.equal(values)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('hold every value of every type, by arrow-rs', () => {
    fc.assert(
      fc.property(columnsArbitrary, compression, (columns, codec) => {
        const rows = columns[0]!.values.length
        const bytes = encodeParquet(namedVectors(columns), rows, { compression: codec, keyValues: {} })
        if (rows > 0) expect(tableOf(arrowColumns(bytes))).to.deep.equal(tableOf(namedVectors(columns)))
      }),
      { numRuns: 200 },
    )
  })

  it('keep rows in place over page and row group borders, with and without nulls', async () => {
    const rows = 300_000
    const text = (row: number): string => `value ${row % 7 === 0 ? row : row * 31}`
    const columns = [
      {
        name: 'long',
        type: { kind: 'int64' },
        values: range(rows, row => (row % 5 === 0 ? null : BigInt(row))),
      },
      {
        name: 'text',
        type: { kind: 'string' },
        values: range(rows, row => (row % 11 === 3 ? null : text(row))),
      },
      { name: 'full', type: { kind: 'string' }, values: range(rows, text) },
      { name: 'few', type: { kind: 'string' }, values: range(rows, row => ['a', 'b', 'c'][(row >> 4) % 3]!) },
      {
        name: 'flag',
        type: { kind: 'boolean' },
        values: range(rows, row => (row % 3 === 0 ? null : row % 2 === 0)),
      },
    ] as const
    const bytes = encodeParquet(namedVectors(columns), rows, { ...plain, rowGroupRowsMax: 100_004 })
    const decoded = await decodeParquet(bytes)
    for (const [index, { values, name }] of columns.entries())
      expect(firstDifference(valuesOf(decoded.columns[index]!.vector), values), name).to.equal(-1)
    for (const { name, vector } of arrowColumns(bytes))
      expect(
        firstDifference(valuesOf(vector), columns.find(column => column.name === name)!.values),
      ).to.equal(-1)
  })

  it('hold long lists over page borders', async () => {
    const values = range(2000, row =>
      row % 9 === 0 ? null : range(row % 400, at => (at % 6 === 0 ? null : BigInt(row * at))),
    )
    const vector = vectorFrom({ kind: 'list', element: { kind: 'int64' } }, values)
    const bytes = encodeParquet([{ name: 'l', vector, nullable: true }], 2000, plain)
    expect(valuesOf((await decodeParquet(bytes)).columns[0]!.vector)).to.deep.equal(values)
    expect(valuesOf(arrowColumns(bytes)[0]!.vector)).to.deep.equal(values)
  })

  it('hold a repeated text once', async () => {
    const rows = 50_000
    const file = (value: string): Uint8Array =>
      encodeParquet([{ name: 'c', vector: constantStrings(value, rows), nullable: true }], rows, plain)
    const bytes = file('00000003-0000-0000-0000-000000000000-0_0-0-0_20261124224411123.parquet')
    expect(bytes.length).to.be.below(700)
    const { columns } = await decodeParquet(bytes)
    expect(new Set(valuesOf(columns[0]!.vector)).size).to.equal(1)
    expect(valuesOf(arrowColumns(bytes)[0]!.vector)).to.deep.equal(valuesOf(columns[0]!.vector))
    expect(valuesOf((await decodeParquet(file(''))).columns[0]!.vector)[rows - 1]).to.equal('')
  })

  it('without rows still tell their columns', async () => {
    const columns = namedVectors([
      { name: 'a', type: { kind: 'list', element: { kind: 'decimal', precision: 9, scale: 2 } }, values: [] },
      { name: 'b', type: { kind: 'timestamp' }, values: [] },
    ])
    const decoded = await decodeParquet(encodeParquet(columns, 0, plain))
    expect(decoded.rows).to.equal(0)
    expect(decoded.columns.map(({ name, vector }) => [name, vector.type, vector.length])).to.deep.equal(
      columns.map(({ name, vector }) => [name, vector.type, 0]),
    )
  })

  it('are read column by column and row group by row group', async () => {
    const columns = namedVectors([
      { name: 'a', type: { kind: 'int32' }, values: range(20, row => row) },
      { name: 'b', type: { kind: 'string' }, values: range(20, row => `b${row}`) },
    ])
    const file = await openParquet(encodeParquet(columns, 20, { ...plain, rowGroupRowsMax: 8 }), {
      columns: ['b', 'absent'],
    })
    expect(file.rows).to.equal(20)
    const slices = [...file.slices()].map(slice => [
      slice.rows,
      slice.columns.length,
      valuesOf(slice.columns[0]!.vector)[0],
    ])
    expect(slices).to.deep.equal([
      [8, 1, 'b0'],
      [8, 1, 'b8'],
      [4, 1, 'b16'],
    ])
  })
})

function range<T>(count: number, value: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => value(index))
}

function firstDifference(found: readonly unknown[], expected: readonly unknown[]): number {
  if (found.length !== expected.length) return Math.min(found.length, expected.length)
  return found.findIndex((value, row) => value !== expected[row])
}
