import { expect } from 'chai'
import fc from 'fast-check'
import { BinaryBuilder } from '#catalog/column-builder.ts'
import { boundsOf } from '#lake/parquet/statistics.ts'

function vectorOf(values: readonly (Uint8Array | null)[]) {
  const builder = new BinaryBuilder({ kind: 'bytes' })
  for (const value of values)
    if (value === null) builder.appendNull()
    else builder.appendBytes(value, 0, value.length)
  return builder.finish()
}

describe('bounds of a binary column chunk', () => {
  const bytes = fc.uint8Array({ maxLength: 6, max: 2 })

  it('are the smallest and the largest value in the order of unsigned bytes, whatever the rows before and after', () => {
    fc.assert(
      fc.property(fc.array(fc.option(bytes), { minLength: 1, maxLength: 40 }), fc.nat(), (values, seed) => {
        const from = seed % values.length
        const present = values.slice(from).filter(value => value !== null)
        const sorted = present.map(value => Buffer.from(value)).toSorted((a, b) => Buffer.compare(a, b))
        const bounds = boundsOf(vectorOf(values), { from, to: values.length })
        const hex = (value?: Uint8Array): string | null => (value ? Buffer.from(value).toString('hex') : null)
        expect(hex(bounds?.min)).to.equal(hex(sorted[0]))
        expect(hex(bounds?.max)).to.equal(hex(sorted.at(-1)))
      }),
      { numRuns: 2000 },
    )
  })

  it('order bytes above 127 after those below', () => {
    const bounds = boundsOf(vectorOf([Uint8Array.of(200, 1, 1, 1), Uint8Array.of(100, 1, 1, 1)]), {
      from: 0,
      to: 2,
    })
    expect([...bounds!.max]).to.deep.equal([200, 1, 1, 1])
  })

  it('are left out where values are long as a rule', () => {
    const long = new Uint8Array(200).fill(5)
    expect(boundsOf(vectorOf([Uint8Array.of(1), long, long, Uint8Array.of(9)]), { from: 0, to: 4 })).to.equal(
      null,
    )
  })
})
