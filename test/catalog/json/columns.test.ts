import { expect } from 'chai'
import fc from 'fast-check'
import { columnBuilder } from '#catalog/column-builder.ts'
import { JsonColumns } from '#catalog/json/columns.ts'
import { parseTypeName } from '#catalog/type-name.ts'
import { DataError } from '#common/errors.ts'
import { bad, convert, range, valueAt } from './convert.ts'

const cases: Record<string, [text: string, expected: unknown][]> = {
  boolean: [
    ['true', true],
    ['false', false],
    ['null', null],
    ['1', bad],
    ['"true"', bad],
    ['{}', bad],
  ],
  int32: [
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
    ['2147483648', range],
    ['-2147483649', range],
    ['1.0', 1],
    ['12e2', 1200],
    ['1.5', range],
    ['"42"', 42],
    ['"x"', bad],
    ['true', bad],
    ['[1]', bad],
  ],
  int64: [
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9223372036854775808', range],
    ['-9223372036854775809', range],
    ['1e18', 1000000000000000000n],
    ['1e19', range],
    ['1e999999999', range],
    ['123.45e2', 12345n],
    ['-0', 0n],
    ['0.1', range],
    ['"9007199254740993"', 9007199254740993n],
    ['" 1"', bad],
    ['"\\u0031"', bad],
    ['""', bad],
    ['{}', bad],
  ],
  float64: [
    ['1', 1],
    ['-0', -0],
    ['0.1', 0.1],
    ['1e400', range],
    ['9007199254740992', 9007199254740992],
    ['9007199254740993', range],
    // As JavaScript prints the double 12345678901234567168, and digits that no double has.
    ['12345678901234567000', 12345678901234567000],
    ['12345678901234567168', 12345678901234567000],
    ['12345678901234567890', range],
    ['"1.5"', 1.5],
    ['"NaN"', Number.NaN],
    ['"-Infinity"', -Infinity],
    ['"nan"', bad],
    ['true', bad],
  ],
  float32: [
    ['0.5', 0.5],
    ['16777216', 16777216],
    ['16777217', range],
    ['0.1', Math.fround(0.1)],
    ['1e39', range],
  ],
  'decimal(10,2)': [
    ['12.34', 1234n],
    ['-12.3', -1230n],
    ['12', 1200n],
    ['12.340', 1234n],
    ['12.345', range],
    ['99999999.99', 9999999999n],
    ['100000000', range],
    ['1e2', 10000n],
    ['1234e-2', 1234n],
    ['1234e-3', range],
    ['"12.34"', 1234n],
    ['0.00', 0n],
    ['-0.01', -1n],
    ['"12,34"', bad],
    ['false', bad],
  ],
  'decimal(38,0)': [
    ['99999999999999999999999999999999999999', 99999999999999999999999999999999999999n],
    ['-99999999999999999999999999999999999999', -99999999999999999999999999999999999999n],
    ['100000000000000000000000000000000000000', range],
  ],
  'decimal(38,38)': [
    ['0.00000000000000000000000000000000000001', 1n],
    ['1', range],
    ['0', 0n],
  ],
  string: [
    ['"plain"', 'plain'],
    ['""', ''],
    ['"a\\"b\\\\c\\n\\u00e9\\ud83d\\ude00"', 'a"b\\c\né😀'],
    ['"é€😀"', 'é€😀'],
    ['"\\ud800"', range],
    ['"\\ude00\\ud83d"', range],
    ['1.50', '1.50'],
    ['true', 'true'],
    ['{ "a" : [1, "\\ud800"] }', '{ "a" : [1, "\\ud800"] }'],
    ['[]', '[]'],
    ['null', null],
  ],
  bytes: [
    ['"3q2+7w=="', 'deadbeef'],
    ['""', ''],
    ['"\\u0033q2+7w=="', 'deadbeef'],
    ['"3q2-7w=="', bad],
    ['"abc"', bad],
    ['1', bad],
  ],
  date: [
    ['"1970-01-01"', 0],
    ['"2000-02-29"', 11016],
    ['"0001-01-01"', -719162],
    ['"9999-12-31"', 2932896],
    ['"2001-02-29"', bad],
    ['"2001-1-01"', bad],
    ['"2001-01-01T00:00:00Z"', bad],
    ['20000', 20000],
    ['3000000', range],
    ['1.5', bad],
  ],
  timestamp: [
    ['"1970-01-01T00:00:00Z"', 0n],
    ['"2026-11-24T22:41:07.123456Z"', BigInt(Date.UTC(2026, 10, 24, 22, 41, 7)) * 1000n + 123456n],
    ['"2026-11-24 22:41:07.5+02:00"', BigInt(Date.UTC(2026, 10, 24, 20, 41, 7)) * 1000n + 500000n],
    ['"2026-11-24T22:41-0330"', BigInt(Date.UTC(2026, 10, 25, 2, 11)) * 1000n],
    ['"2026-11-24T22:41:07"', BigInt(Date.UTC(2026, 10, 24, 22, 41, 7)) * 1000n],
    ['"2026-11-24"', BigInt(Date.UTC(2026, 10, 24)) * 1000n],
    ['"1969-12-31T23:59:59.999999Z"', -1n],
    ['"9999-12-31T23:59:59.999999Z"', 253402300799999999n],
    ['"0001-01-01T00:00:00Z"', -62135596800000000n],
    ['"0001-01-01T00:00:00+01:00"', range],
    ['"2026-11-24T22:41:07.1234560Z"', BigInt(Date.UTC(2026, 10, 24, 22, 41, 7)) * 1000n + 123456n],
    ['"2026-11-24T22:41:07.1234567Z"', range],
    ['"2026-11-24T24:00:00Z"', bad],
    ['"2026-11-24T22:60:00Z"', bad],
    ['"2026-11-24T22:41:07."', bad],
    ['"2026-11-24T22:41:07+2"', bad],
    ['"2026-11-24T22"', bad],
    ['"2026-11-24X22:41:07Z"', bad],
    ['1790000000000', 1790000000000000n],
    ['-1', -1000n],
    ['1790000000000.125', 1790000000000125n],
    ['0.0001', range],
    ['253402300800000', range],
    ['true', bad],
  ],
}

describe('JSON columns', () => {
  for (const [type, rows] of Object.entries(cases))
    it(`hold as ${type} what has an exact place there, and refuse the rest`, () => {
      for (const [text, expected] of rows) expect(convert(type, text), text).to.deep.equal(expected)
    })

  it('refuse a null or missing value of a column that may not be null', () => {
    expect(convert('int64', 'null', false)).to.equal(bad)
    expect(convert('int64', '1', false)).to.equal(1n)
    const builder = columnBuilder({ kind: 'int64' })
    const columns = new JsonColumns([
      { column: { name: 'c', type: builder.type, nullable: false }, builder, path: ['c'] },
    ])
    expect(() => columns.prepareMissing()).to.throw(DataError)
  })

  it('leave nothing of a record whose last column does not fit', () => {
    const names = ['a', 'b', 'l', 's', 'm', 'z']
    const types = [
      'string',
      'decimal(9,2)',
      'list<string>',
      'struct<x:list<int32>>',
      'map<string,int32>',
      'int32',
    ]
    const builders = types.map(type => columnBuilder(parseTypeName(type)!))
    const columns = new JsonColumns(
      names.map((name, at) => ({
        column: { name, type: builders[at]!.type, nullable: true },
        builder: builders[at]!,
        path: [name],
      })),
    )
    const put = (text: string): void => {
      const bytes = Buffer.from(text)
      columns.prepare(bytes, 0, bytes.length)
      columns.append()
    }
    put('{"a":"first","b":1,"l":["x"],"s":{"x":[1]},"m":{"k":1},"z":1}')
    expect(() => put('{"a":"second","b":2,"l":["y"],"s":{"x":[2]},"m":{"l":2},"z":"no"}')).to.throw(DataError)
    expect(() => put('{"a":"second","b":2,"s":{"x":[2]},"m":{"l":2,"o":true}}')).to.throw(DataError)
    expect(() => put('{"a":"second","b":2,"l":["y",')).to.throw(DataError)
    put('{"a":"third","l":["z"],"s":{"x":[3]},"m":{"k":3},"z":3}')
    const rows = builders.map(builder => {
      const vector = builder.finish()
      return Array.from({ length: vector.length }, (_, row) => valueAt(vector, row))
    })
    expect(rows).to.deep.equal([
      ['first', 'third'],
      [100n, null],
      [['x'], ['z']],
      [[[1]], [[3]]],
      [[['k', 1]], [['k', 3]]],
      [1, 3],
    ])
  })

  it('read every flat document as JSON.parse does', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }))
    const document = fc.record(
      {
        s: fc.option(text),
        i: fc.maxSafeInteger(),
        f: fc.double({ noNaN: true, noDefaultInfinity: true }),
        b: fc.boolean(),
        x: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const names = ['s', 'i', 'f', 'b'] as const
    const types = ['string', 'int64', 'float64', 'boolean']
    const builders = types.map(type => columnBuilder(parseTypeName(type)!))
    const columns = new JsonColumns(
      names.map((name, at) => ({
        column: { name, type: builders[at]!.type, nullable: true },
        builder: builders[at]!,
        path: [name],
      })),
    )
    fc.assert(
      fc.property(document, value => {
        const bytes = Buffer.from(JSON.stringify(value))
        columns.prepare(bytes, 0, bytes.length)
        columns.append()
        const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>
        const row = builders.map(builder => valueAt(builder.finish(), 0))
        const expected = names.map(name =>
          name === 'i' && parsed[name] !== undefined
            ? BigInt(parsed[name] as number)
            : (parsed[name] ?? null),
        )
        // JSON.stringify writes −0 as 0.
        expect(row).to.deep.equal(expected)
      }),
      { numRuns: 3000 },
    )
  })

  it('read every plain fraction as the nearest float', () => {
    const builder = columnBuilder({ kind: 'float64' })
    const column = { name: 'f', type: builder.type, nullable: true }
    const columns = new JsonColumns([{ column, builder, path: [] }])
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,9})\.\d{1,20}$/)
    fc.assert(
      fc.property(digits, text => {
        const bytes = Buffer.from(text)
        columns.prepare(bytes, 0, bytes.length)
        columns.append()
        expect(valueAt(builder.finish(), 0), text).to.equal(Number(text))
      }),
      { numRuns: 3000 },
    )
  })

  it('read every decimal exactly', () => {
    const builder = columnBuilder({ kind: 'decimal', precision: 30, scale: 8 })
    const columns = new JsonColumns([
      { column: { name: 'd', type: builder.type, nullable: true }, builder, path: [] },
    ])
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }),
        fc.nat(25),
        (unscaled, exponent) => {
          const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(9, '0')
          const sign = unscaled < 0n ? '-' : ''
          const plain = `${sign}${digits.slice(0, -8)}.${digits.slice(-8)}`
          for (const text of [
            plain,
            `${sign}${BigInt(digits)}e-8`,
            `${sign}0.${'0'.repeat(exponent)}${digits}e${digits.length + exponent - 8}`,
          ]) {
            const bytes = Buffer.from(text)
            columns.prepare(bytes, 0, bytes.length)
            columns.append()
            expect(valueAt(builder.finish(), 0), text).to.equal(unscaled)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
