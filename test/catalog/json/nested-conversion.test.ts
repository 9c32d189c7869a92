import { expect } from 'chai'
import { columnBuilder } from '#catalog/column-builder.ts'
import { JsonColumns } from '#catalog/json/columns.ts'
import { parseTypeName } from '#catalog/type-name.ts'
import { bad, convert, range } from './convert.ts'

const cases: Record<string, [text: string, expected: unknown][]> = {
  'list<int64>': [
    ['[1,null,9007199254740993]', [1n, null, 9007199254740993n]],
    ['[]', []],
    ['[1,"x"]', bad],
    ['{}', bad],
    ['[1.5]', range],
  ],
  'struct<a:int32,in:struct<b:list<int64>>>': [
    ['{"in":{"x":{"y":[1]},"b":[1,null]},"a":7,"more":"}"}', [7, [[1n, null]]]],
    ['{"a":1,"a":2}', [2, null]],
    ['{"in":null}', [null, null]],
    ['{}', [null, null]],
    ['null', null],
    ['[]', bad],
    ['"{}"', bad],
    ['{"a":"x"}', bad],
    ['{"in":[]}', bad],
    ['{"in":{"b":[1,2.5]}}', range],
  ],
  'list<struct<a:string>>': [
    ['[{"a":"é\\n"},null,{},{"a":[1, 2]}]', [['é\n'], null, [null], ['[1, 2]']]],
    ['[{"a":1},2]', bad],
  ],
  'map<string,struct<n:int32>>': [
    [
      ' { "a" : {"n":1} , "\\u00e9\\"" : null, "":{} } ',
      [
        ['a', [1]],
        ['é"', null],
        ['', [null]],
      ],
    ],
    [
      '{"a":{"n":1},"b":{},"a":{"n":2}}',
      [
        ['a', [2]],
        ['b', [null]],
      ],
    ],
    ['{}', []],
    ['[]', bad],
    ['{"a":1}', bad],
    ['{"\\ud800":{}}', range],
  ],
  'list<list<string>>': [['[["a","b\\n"],[],null,[null]]', [['a', 'b\n'], [], null, [null]]]],
}

describe('JSON arrays and objects', () => {
  for (const [type, rows] of Object.entries(cases))
    it(`are held as ${type} where they have an exact place there`, () => {
      for (const [text, expected] of rows) expect(convert(type, text), text).to.deep.equal(expected)
    })

  it('name the field that does not fit', () => {
    const message = (type: string, text: string): string => {
      const builder = columnBuilder(parseTypeName(type)!)
      const column = { name: 'c', type: builder.type, nullable: true }
      const columns = new JsonColumns([{ column, builder, path: ['c'] }])
      const bytes = Buffer.from(`{"c":${text}}`)
      try {
        columns.prepare(bytes, 0, bytes.length)
      } catch (error) {
        return (error as Error).message
      }
      return 'none'
    }
    expect(message('struct<a:struct<b:int32>>', '{"a":{"b":"x"}}')).to.equal(
      'Column c.a.b: The value is not a number',
    )
    expect(message('map<string,int32>', '{"k":{}}')).to.equal('Column c.value: The value is not a number')
    expect(message('list<struct<a:int32>>', '[{"a":true}]')).to.equal(
      'Column c: Column element.a: The value is not a number',
    )
  })
})
