import { expect } from 'chai'
import type { ColumnType } from '#catalog/types.ts'
import { cellText, csvRow, jsonRow } from '#cli/row-text.ts'
import type { Value } from '#test/lake/table/vectors.ts'
import { vectorOf } from '#test/lake/table/vectors.ts'

const text: ColumnType = { kind: 'string' }

const values: { name: string; type: ColumnType; value: Value; json: string; csv: string }[] = [
  { name: 'null', type: text, value: null, json: 'null', csv: '' },
  { name: 'empty text', type: text, value: '', json: '""', csv: '""' },
  { name: 'quotes', type: text, value: 'a "b", c', json: '"a \\"b\\", c"', csv: '"a ""b"", c"' },
  { name: 'a line break', type: text, value: 'a\nb', json: '"a\\nb"', csv: '"a\nb"' },
  {
    name: 'an integer beyond doubles',
    type: { kind: 'int64' },
    value: 9_007_199_254_740_993n,
    json: '9007199254740993',
    csv: '9007199254740993',
  },
  { name: 'a float', type: { kind: 'float32' }, value: 0.1, json: '0.1', csv: '0.1' },
  { name: 'minus zero', type: { kind: 'float64' }, value: -0, json: '-0', csv: '-0' },
  { name: 'no number', type: { kind: 'float64' }, value: NaN, json: '"NaN"', csv: 'NaN' },
  { name: 'infinity', type: { kind: 'float64' }, value: -Infinity, json: '"-Infinity"', csv: '-Infinity' },
  {
    name: 'a decimal with its zeros',
    type: { kind: 'decimal', precision: 9, scale: 3 },
    value: -50n,
    json: '"-0.050"',
    csv: '-0.050',
  },
  {
    name: 'a decimal without a scale',
    type: { kind: 'decimal', precision: 38, scale: 0 },
    value: 10n ** 37n,
    json: `"1${'0'.repeat(37)}"`,
    csv: `1${'0'.repeat(37)}`,
  },
  { name: 'a date before 1970', type: { kind: 'date' }, value: -1, json: '"1969-12-31"', csv: '1969-12-31' },
  {
    name: 'microseconds before 1970',
    type: { kind: 'timestamp' },
    value: -1n,
    json: '"1969-12-31T23:59:59.999999Z"',
    csv: '1969-12-31T23:59:59.999999Z',
  },
  {
    name: 'a time no calendar has',
    type: { kind: 'timestamp' },
    value: 2n ** 63n - 1n,
    json: '"9223372036854775807"',
    csv: '9223372036854775807',
  },
  { name: 'bytes', type: { kind: 'bytes' }, value: Uint8Array.of(255, 0), json: '"/wA="', csv: '/wA=' },
  {
    name: 'a struct',
    type: {
      kind: 'struct',
      fields: [
        { name: 'a "b"', type: { kind: 'decimal', precision: 3, scale: 1 } },
        { name: 'c', type: { kind: 'map', value: { kind: 'bytes' } } },
      ],
    },
    value: [
      5n,
      [
        ['k', Uint8Array.of(255)],
        ['', null],
      ],
    ],
    json: '{"a \\"b\\"":"0.5","c":{"k":"/w==","":null}}',
    csv: '"{""a \\""b\\"""":""0.5"",""c"":{""k"":""/w=="","""":null}}"',
  },
  {
    name: 'a list',
    type: { kind: 'list', element: text },
    value: ['a', null, 'b"'],
    json: '["a",null,"b\\""]',
    csv: '"[""a"",null,""b\\""""]"',
  },
]

describe('rows as text', () => {
  for (const { name, type, value, json, csv } of values)
    it(name, () => {
      const columns = [{ name: 'c', nullable: true, vector: vectorOf(type, [value]) }]
      expect(jsonRow(columns, 0)).to.equal(`{"c":${json}}`)
      expect(() => JSON.parse(jsonRow(columns, 0)) as unknown).not.to.throw()
      expect(csvRow(columns, 0)).to.equal(csv)
    })

  it('keeps what a table holds from steering a terminal, and cells short', () => {
    const vector = vectorOf(text, ['a\x1b[2Jb\nc', 'x'.repeat(60)])
    expect(cellText(vector, 0)).to.equal('a [2Jb c')
    expect(cellText(vector, 1)).to.equal(`${'x'.repeat(47)}…`)
  })
})
