import { expect } from 'chai'
import fc from 'fast-check'
import { bucketOf } from '#lake/key/bucket.ts'
import { recordKeys, stringHash } from '#lake/key/record-key.ts'
import type { ColumnType } from '#catalog/types.ts'
import type { Value } from '#test/lake/table/vectors.ts'
import { valuesOf, vectorOf } from '#test/lake/table/vectors.ts'

const text: ColumnType = { kind: 'string' }

function keysOf(...columns: { name: string; type: ColumnType; values: Value[] }[]) {
  const vectors = columns.map(({ name, type, values }) => ({ name, vector: vectorOf(type, values) }))
  return recordKeys(vectors, columns[0]!.values.length)
}

describe('record keys', () => {
  it('hash as Java hashes a list of strings, so that other writers choose the same bucket', () => {
    const single = keysOf({ name: 'id', type: text, values: ['1', 'TXN-001'] })
    expect(bucketOf(single.hashes[0]!, 4)).to.equal(0)
    expect(bucketOf(single.hashes[1]!, 256)).to.equal(77)
    const both = keysOf({ name: 'x', type: text, values: ['1'] }, { name: 'y', type: text, values: ['a'] })
    expect(bucketOf(both.hashes[0]!, 8)).to.equal(1)
  })

  it('hash any text by its UTF-16 units', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), value => {
        const units = Buffer.from(value).toString() // lone surrogates cannot be in UTF-8
        let expected = 0
        for (let at = 0; at < units.length; at++)
          expected = (Math.imul(expected, 31) + units.charCodeAt(at)) | 0
        const bytes = Buffer.from(units)
        expect(stringHash(bytes, 0, bytes.length)).to.equal(expected)
      }),
    )
  })

  it('are the bare value of a single column, digits for integers of every size', () => {
    const values = [
      0n,
      7n,
      -1n,
      1234567890n,
      2147483648n,
      -9007199254740991n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      10n ** 15n,
    ]
    const { keys, hashes } = keysOf({ name: 'id', type: { kind: 'int64' }, values })
    expect(valuesOf(keys)).to.deep.equal(values.map(String))
    const asText = keysOf({ name: 'id', type: text, values: values.map(String) })
    expect([...hashes]).to.deep.equal([...asText.hashes])
  })

  it('name each column of a composite key and stand in for null and empty text', () => {
    const { keys } = keysOf(
      { name: 'shop', type: text, values: ['a', '', null] },
      { name: 'no', type: { kind: 'int32' }, values: [5, -6, 7] },
    )
    expect(valuesOf(keys)).to.deep.equal(['shop:a,no:5', 'shop:__empty__,no:-6', 'shop:__null__,no:7'])
    expect(valuesOf(keysOf({ name: 'id', type: text, values: ['', null] }).keys)).to.deep.equal([
      '__empty__',
      '__null__',
    ])
  })

  it('print other types as Java does', () => {
    const cases: [ColumnType, Value, string][] = [
      [{ kind: 'boolean' }, true, 'true'],
      [{ kind: 'date' }, -1, '1969-12-31'],
      [{ kind: 'timestamp' }, 1_700_000_000_000_000n, '1700000000000000'],
      [{ kind: 'decimal', precision: 10, scale: 2 }, -12345n, '-123.45'],
      [{ kind: 'decimal', precision: 10, scale: 2 }, 5n, '0.05'],
      [{ kind: 'decimal', precision: 10, scale: 8 }, 1n, '1E-8'],
      [{ kind: 'decimal', precision: 10, scale: 0 }, 7n, '7'],
      [{ kind: 'float64' }, 1, '1.0'],
      [{ kind: 'float64' }, 0.1, '0.1'],
      [{ kind: 'float64' }, -1.5e10, '-1.5E10'],
      [{ kind: 'float64' }, 1e-5, '1.0E-5'],
      [{ kind: 'float32' }, 0.1, '0.1'],
      [{ kind: 'bytes' }, Buffer.from([0, 255]), '00ff'],
    ]
    for (const [type, value, expected] of cases)
      expect(valuesOf(keysOf({ name: 'k', type, values: [value] }).keys)).to.deep.equal([expected])
  })
})
