import { expect } from 'chai'
import fc from 'fast-check'
import { decodeProperties, encodeProperties, tableChecksum } from '#lake/timeline/properties.ts'

const decoded = (text: string): [string, string][] => [...decodeProperties(Buffer.from(text, 'latin1'))]

describe('java properties', () => {
  for (const { name, text, pairs } of [
    {
      name: 'plain',
      text: 'a=1\nb=2\n',
      pairs: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
    {
      name: 'CRLF and no last newline',
      text: 'a=1\r\nb=2',
      pairs: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
    { name: 'comments and empty lines', text: '#x=1\n! y\n\n  \na=1\n', pairs: [['a', '1']] },
    { name: 'blanks around the separator', text: '  a \t=  1 \n', pairs: [['a', '1 ']] },
    {
      name: 'colon and blank as separator',
      text: 'a:1\nb 2\n',
      pairs: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
    {
      name: 'a key alone',
      text: 'a\nb=\n',
      pairs: [
        ['a', ''],
        ['b', ''],
      ],
    },
    { name: 'escaped separators', text: 'a\\=b\\:c=x\\:y\\=z\n', pairs: [['a=b:c', 'x:y=z']] },
    {
      name: 'continued lines',
      text: 'a=1,\\\n   2\nb=3\n',
      pairs: [
        ['a', '1,2'],
        ['b', '3'],
      ],
    },
    {
      name: 'an escaped backslash at the end',
      text: 'a=c\\\\\nb=1\n',
      pairs: [
        ['a', 'c\\'],
        ['b', '1'],
      ],
    },
    { name: 'unicode and control escapes', text: 'a=\\u00e9\\t\\n\\q\n', pairs: [['a', 'é\t\nq']] },
  ])
    it(`reads ${name}`, () => {
      expect(decoded(text)).to.deep.equal(pairs)
    })

  it('reads back whatever it wrote', () => {
    const key = fc.string({ minLength: 1, unit: 'grapheme' })
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string({ unit: 'grapheme' }))), pairs => {
        const properties = new Map(pairs)
        expect(decodeProperties(encodeProperties(properties, 'comment\nwith lines'))).to.deep.equal(
          properties,
        )
      }),
    )
  })

  it('escapes a schema as Java does', () => {
    const written = encodeProperties(new Map([['hoodie.table.create.schema', '{"type":"record"}']]), 'x')
    expect(Buffer.from(written).toString()).to.equal('#x\nhoodie.table.create.schema={"type"\\:"record"}\n')
  })

  it('has the checksum Hudi computes', () => {
    expect(tableChecksum('mm')).to.equal('784513783')
    expect(tableChecksum('v8_mor_compacted')).to.equal('2758565650')
  })
})
