import { expect } from 'chai'
import fc from 'fast-check'
import { parseArrayText } from '#connectors/postgres/array-text.ts'

const element = fc.option(
  fc.string({ unit: fc.constantFrom('a', 'é', ',', '{', '}', '"', '\\', ' ', '\n', ';', 'N') }),
)

function printed(elements: readonly (string | null)[], delimiter: string): string {
  const texts = elements.map(one => (one === null ? 'NULL' : `"${one.replace(/["\\]/g, '\\$&')}"`))
  return `{${texts.join(delimiter)}}`
}

describe('arrays as text', () => {
  it('give back what was quoted', () => {
    fc.assert(
      fc.property(
        fc.array(element),
        fc.constantFrom(',', ';'),
        (elements, delimiter) =>
          void expect(parseArrayText(printed(elements, delimiter), delimiter)).to.deep.equal(elements),
      ),
    )
  })

  it('may be bare, empty, or have bounds', () => {
    expect(parseArrayText('{1,-2,NULL}', ',')).to.deep.equal(['1', '-2', null])
    expect(parseArrayText('{}', ',')).to.deep.equal([])
    expect(parseArrayText('[0:1]={7,8}', ',')).to.deep.equal(['7', '8'])
    expect(parseArrayText('{"NULL"}', ',')).to.deep.equal(['NULL'])
  })

  it('of more dimensions are refused, and so is other text', () => {
    expect(() => parseArrayText('{{1},{2}}', ','))
      .to.throw()
      .with.property('code', 'ARRAY_MULTIDIMENSIONAL')
    for (const text of ['', '{', '{1', '1}', '{"a}', '{"a"b}'])
      expect(() => parseArrayText(text, ','), text)
        .to.throw()
        .with.property('code', 'RECORD_MALFORMED')
  })
})
