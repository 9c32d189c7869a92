import { expect } from 'chai'

import { goldenExpectation, goldenTables } from '#test/golden/unpack.ts'

import {
  canonicalJson,
  canonicalRow,
  type CanonicalRow,
  canonicalValue,
  floatText,
  hashRows,
  parseCanonical,
} from './canonical.ts'

describe('canonical rows', () => {
  it('print floats as Python does, at every edge of the exponent', () => {
    const cases: [number, string][] = [
      [0, '0.0'],
      [-0, '-0.0'],
      [1, '1.0'],
      [0.1, '0.1'],
      [-2.5, '-2.5'],
      [0.0001, '0.0001'],
      [0.00001, '1e-05'],
      [1.5e-7, '1.5e-07'],
      [123456789012345, '123456789012345.0'],
      [9007199254740992, '9007199254740992.0'],
      [1e16, '1e+16'],
      [1.7976931348623157e308, '1.7976931348623157e+308'],
      [5e-324, '5e-324'],
      [Math.fround(1e-45), '1.401298464324817e-45'],
      [NaN, 'NaN'],
      [Infinity, 'inf'],
      [-Infinity, '-inf'],
    ]
    for (const [value, text] of cases) expect(floatText(value)).to.equal(text)
  })

  it('hash the rows of every golden table to what Spark and hudi-rs hash them to', async () => {
    for (const table of await goldenTables()) {
      const { rows, count, hash } = await goldenExpectation(table)
      expect(hashRows(rows as readonly CanonicalRow[]), table).to.deep.equal({ count, hash })
    }
  })

  it('do not depend on row order, but see a duplicate and a changed digit', () => {
    const rows = [{ id: 1n }, { id: 2n }, { id: 9007199254740993n }]
    const { hash } = hashRows(rows)
    expect(hashRows(rows.toReversed()).hash).to.equal(hash)
    expect(hashRows([...rows, { id: 1 }, { id: 1 }]).hash).to.not.equal(hash)
    expect(hashRows([{ id: 1 }, { id: 2 }, { id: 9007199254740992n }]).hash).to.not.equal(hash)
  })

  it('give the values of a source the form in which the readers print them', () => {
    const row = canonicalRow(
      {
        id: { kind: 'int64' },
        price: { kind: 'decimal', precision: 10, scale: 2 },
        at: { kind: 'timestamp' },
        day: { kind: 'date' },
        raw: { kind: 'bytes' },
        tags: { kind: 'list', element: { kind: 'string' } },
        ratio: { kind: 'float32' },
        note: { kind: 'string' },
      },
      {
        id: 9223372036854775807n,
        price: '-1.50',
        at: -1n,
        day: -1,
        raw: new Uint8Array([0, 255]),
        tags: ['a', null],
        ratio: 0.1,
      },
    )
    expect(canonicalJson(row)).to.equal(
      '{"at": {"ts_us": -1}, "day": "1969-12-31", "id": 9223372036854775807, "note": null, "price": "-1.50", ' +
        '"ratio": "0.10000000149011612", "raw": "0x00ff", "tags": ["a", null]}',
    )
    expect(parseCanonical(canonicalJson(row))).to.deep.equal(row)
  })

  it('leave text as it is, escaping only what JSON demands', () => {
    expect(canonicalJson(canonicalValue({ kind: 'string' }, 'ü"\\\n\u0001\u007f€'))).to.equal(
      '"ü\\"\\\\\\n\\u0001\u007f€"',
    )
  })
})
