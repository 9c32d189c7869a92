import { expect } from 'chai'
import { parseTypeName } from '#catalog/type-name.ts'
import { typeName } from '#catalog/types.ts'

describe('type names', () => {
  it('are read as they are written', () => {
    for (const name of [
      'boolean',
      'int32',
      'timestamp',
      'decimal(38,38)',
      'list<string>',
      'list<list<decimal(1,0)>>',
    ])
      expect(typeName(parseTypeName(name)!)).to.equal(name)
  })

  it('are refused when they name no type', () => {
    for (const name of [
      '',
      'int',
      'decimal(39,0)',
      'decimal(0,0)',
      'decimal(2,3)',
      'list<>',
      'list<int>',
      'list',
    ])
      expect(parseTypeName(name), name).to.equal(null)
  })
})
