import { expect } from 'chai'
import fc from 'fast-check'
import { gather, gatherBatch } from '#catalog/gather.ts'
import { Operation } from '#catalog/change-batch.ts'
import { Int32Builder } from '#catalog/column-builder.ts'
import { bitAt } from '#catalog/column.ts'
import { columnsArbitrary, valuesOf, vectorFrom } from '#test/lake/vectors.ts'

describe('gathering rows', () => {
  it('gives the values of the rows asked for, in any order and as often as asked', () => {
    fc.assert(
      fc.property(columnsArbitrary, fc.array(fc.nat(1000)), (columns, picks) => {
        for (const { type, values } of columns) {
          const rows = values.length === 0 ? [] : picks.map(pick => pick % values.length)
          // A buffer of rows may be longer than the count.
          const buffer = Int32Array.of(...rows, 0, 0)
          const gathered = gather(vectorFrom(type, values), buffer, rows.length)
          expect(valuesOf(gathered)).to.deep.equal(rows.map(row => values[row]))
          expect(gathered.nullCount).to.equal(rows.filter(row => values[row] === null).length)
          expect(gathered.type).to.deep.equal(type)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('keeps operations, sequences and unchanged marks with their rows', () => {
    const builder = new Int32Builder({ kind: 'int32' })
    builder.append(1)
    builder.appendUnchanged()
    builder.append(3)
    const batch = {
      schema: { columns: [{ name: 'a', type: { kind: 'int32' }, nullable: true }], key: [] },
      length: 3,
      columns: [builder.finish()],
      operations: Uint8Array.of(Operation.insert, Operation.update, Operation.delete),
      sequences: BigInt64Array.of(10n, -(2n ** 63n), 2n ** 63n - 1n),
    } as const
    const picked = gatherBatch(batch, Int32Array.of(2, 1), 2)
    expect([...picked.operations!]).to.deep.equal([Operation.delete, Operation.update])
    expect([...picked.sequences]).to.deep.equal([2n ** 63n - 1n, -(2n ** 63n)])
    expect([0, 1].map(row => bitAt(picked.columns[0]!.unchanged!, row))).to.deep.equal([false, true])
    expect(gatherBatch({ ...batch, operations: null }, Int32Array.of(0), 1).operations).to.equal(null)
  })
})
