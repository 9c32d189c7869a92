import { expect } from 'chai'
import { JsonSample } from '#catalog/json/sample.ts'
import { typeName } from '#catalog/types.ts'

function infer(...documents: string[]): Record<string, string> {
  return inferAs('text', ...documents)
}

function inferAs(objects: 'text' | 'struct', ...documents: string[]): Record<string, string> {
  const sample = new JsonSample(objects)
  for (const document of documents) sample.add(document)
  return Object.fromEntries(sample.columns().map(column => [column.name, typeName(column.type)]))
}

describe('JSON sample', () => {
  it('names the columns in the order first met', () => {
    const columns = infer('{"b":1,"a":"x"}', '{"c":true,"b":2}')
    expect(Object.keys(columns)).to.deep.equal(['b', 'a', 'c'])
    expect(columns).to.deep.equal({ b: 'int64', a: 'string', c: 'boolean' })
  })

  for (const { name, texts, type } of [
    { name: 'whole numbers', texts: ['1', '-9223372036854775808', 'null'], type: 'int64' },
    { name: 'a fraction written as such', texts: ['1.0'], type: 'float64' },
    { name: 'whole numbers and fractions', texts: ['1', '2.5'], type: 'float64' },
    { name: 'an exponent', texts: ['1e3'], type: 'float64' },
    { name: 'whole numbers beyond 64 bits', texts: ['1', '9223372036854775808'], type: 'string' },
    { name: 'true and false', texts: ['true', 'false'], type: 'boolean' },
    { name: 'an object', texts: ['{"x":1}', 'null'], type: 'string' },
    { name: 'arrays', texts: ['[1]', '[]'], type: 'string' },
    { name: 'mixed kinds', texts: ['1', '"x"'], type: 'string' },
    { name: 'true among numbers', texts: ['1', 'true'], type: 'string' },
    { name: 'nothing but null', texts: ['null'], type: 'string' },
    { name: 'null first', texts: ['null', '1'], type: 'int64' },
  ])
    it(`makes ${type} of ${name}`, () => {
      expect(infer(...texts.map(text => `{"a":${text}}`))).to.deep.equal({ a: type })
    })

  const wide = (count: number): string =>
    `{${Array.from({ length: count }, (_, at) => `"n${at}":1`).join(',')}}`
  const deep = (depth: number): string => `${'{"o":'.repeat(depth)}1${'}'.repeat(depth)}`
  for (const { name, texts, type } of [
    { name: 'an object', texts: ['{"x":1,"y":"z"}'], type: 'struct<x:int64,y:string>' },
    {
      name: 'objects with different members',
      texts: ['{"x":1}', 'null', '{"y":{"z":true}}', '{"x":1.5,"y":{"a":null}}'],
      type: 'struct<x:float64,y:struct<z:boolean,a:string>>',
    },
    { name: 'arrays', texts: ['[]', '[1,null]', '[2.5]'], type: 'list<float64>' },
    {
      name: 'arrays of objects',
      texts: ['[{"a":1},{"b":[[]]}]'],
      type: 'list<struct<a:int64,b:list<list<string>>>>',
    },
    { name: 'objects without members', texts: ['{}', '{"":1}'], type: 'string' },
    { name: 'objects and arrays', texts: ['{"x":1}', '[1]'], type: 'string' },
    { name: 'objects and numbers', texts: ['{"x":1}', '1'], type: 'string' },
    { name: 'an object with names for data', texts: [wide(201)], type: 'string' },
    { name: 'objects with more and more names', texts: [wide(150), wide(300)], type: 'string' },
  ])
    it(`makes ${type} of ${name}, when it looks into objects`, () => {
      expect(inferAs('struct', ...texts.map(text => `{"a":${text}}`))).to.deep.equal({ a: type })
    })

  it('leaves as text what lies too deep', () => {
    const found = inferAs('struct', `{"a":${deep(20)}}`)['a']
    expect(found).to.equal(`${'struct<o:'.repeat(8)}string${'>'.repeat(8)}`)
  })

  it('takes objects only', () => {
    const sample = new JsonSample()
    for (const text of ['1', '"x"', '[]', 'null', 'no', '']) expect(sample.add(text), text).to.equal(false)
    expect(sample.add('{}')).to.equal(true)
    expect(sample.columns()).to.deep.equal([])
    expect(sample.documents).to.equal(1)
  })

  it('keeps names that objects of JavaScript have of their own, and bounds their number', () => {
    expect(infer('{"__proto__":1,"constructor":"x"}')).to.have.all.keys('__proto__', 'constructor')
    const wide = `{${Array.from({ length: 3000 }, (_, at) => `"n${at}":1`).join(',')}}`
    expect(Object.keys(infer(wide))).to.have.length(1000)
  })
})
