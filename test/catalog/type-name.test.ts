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
      'struct<a:int32>',
      'struct<a:int32,Bc_1:list<struct<d:decimal(3,1)>>,é:map<string,date>>',
      'map<string,map<string,bytes>>',
    ])
      expect(typeName(parseTypeName(name)!)).to.equal(name)
  })

  it('may have a space where people put one', () => {
    expect(typeName(parseTypeName('struct<a: int32, b: map<string, date>>')!)).to.equal(
      'struct<a:int32,b:map<string,date>>',
    )
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
      'struct<>',
      'struct<a>',
      'struct<a:>',
      'struct<a:int32',
      'struct<a:int32,>',
      'struct<a:int32,a:int64>',
      'struct<a:int32>>',
      'map<int32,string>',
      'map<string>',
      `${'list<'.repeat(20)}int32${'>'.repeat(20)}`,
    ])
      expect(parseTypeName(name), name).to.equal(null)
  })
})
