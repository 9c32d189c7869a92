import { expect } from 'chai'
import type { FileMetaData, SchemaElement } from 'hyparquet'
import { typeName } from '#catalog/types.ts'
import { assembleNested } from '#lake/parquet/assemble-nested.ts'
import { RawValues } from '#lake/parquet/raw-values.ts'
import type { RawChunk } from '#lake/parquet/read-chunk.ts'
import type { ReadColumn } from '#lake/parquet/read-schema.ts'
import { readColumns } from '#lake/parquet/read-schema.ts'
import { valuesOf } from '#test/lake/vectors.ts'

type Repetition = NonNullable<SchemaElement['repetition_type']>

const group = (
  name: string,
  repetition: Repetition,
  children: number,
  converted?: SchemaElement['converted_type'],
): SchemaElement => ({
  name,
  repetition_type: repetition,
  num_children: children,
  ...(converted ? { converted_type: converted } : {}),
})
const int = (name: string, repetition: Repetition): SchemaElement => ({
  name,
  repetition_type: repetition,
  type: 'INT32',
})
const text = (name: string, repetition: Repetition): SchemaElement => ({
  name,
  repetition_type: repetition,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
})

/** The one column of a file of these elements. */
function columnOf(...elements: SchemaElement[]): ReadColumn {
  const schema = [{ name: 'root', num_children: 1 }, ...elements]
  return readColumns({ schema } as FileMetaData)[0]!
}

function typeOf(...elements: SchemaElement[]): string | null {
  const { node } = columnOf(...elements)
  return node && typeName(node.type)
}

describe('nested columns of other writers', () => {
  const list = group('c', 'OPTIONAL', 1, 'LIST')
  const map = group('c', 'OPTIONAL', 1, 'MAP')
  const cases: [string, SchemaElement[], string | null][] = [
    [
      'three levels',
      [list, group('list', 'REPEATED', 1), group('element', 'OPTIONAL', 1), int('a', 'OPTIONAL')],
      'list<struct<a:int32>>',
    ],
    ['a repeated value', [list, int('array', 'REPEATED')], 'list<int32>'],
    [
      'a repeated struct of two fields',
      [list, group('bag', 'REPEATED', 2), int('a', 'OPTIONAL'), int('b', 'REQUIRED')],
      'list<struct<a:int32,b:int32>>',
    ],
    [
      'a repeated struct of one field, as Avro calls it',
      [list, group('array', 'REPEATED', 1), int('a', 'OPTIONAL')],
      'list<struct<a:int32>>',
    ],
    [
      'a repeated struct of one field, as Thrift calls it',
      [list, group('c_tuple', 'REPEATED', 1), int('a', 'OPTIONAL')],
      'list<struct<a:int32>>',
    ],
    [
      'a map under an old name',
      [
        group('c', 'OPTIONAL', 1, 'MAP_KEY_VALUE'),
        group('map', 'REPEATED', 2),
        text('key', 'REQUIRED'),
        int('value', 'OPTIONAL'),
      ],
      'map<string,int32>',
    ],
    [
      'a map whose keys are numbers',
      [map, group('key_value', 'REPEATED', 2), int('key', 'REQUIRED'), int('value', 'OPTIONAL')],
      null,
    ],
    ['a map without values', [map, group('key_value', 'REPEATED', 1), text('key', 'REQUIRED')], null],
    ['a repeated value in no list', [int('c', 'REPEATED')], null],
    ['a repeated field', [group('c', 'OPTIONAL', 1), int('a', 'REPEATED')], null],
  ]
  for (const [name, elements, type] of cases)
    it(`${type === null ? 'are no columns of ours' : `are ${type}`}: ${name}`, () => {
      expect(typeOf(...elements)).to.equal(type)
    })

  const pairs = columnOf(list, group('bag', 'REPEATED', 2), int('a', 'OPTIONAL'), int('b', 'REQUIRED'))
  /** Chunks of the leaves of `pairs`: levels of each slot, and the values that are there. */
  const read = (...leaves: { repetition: number[]; definition: number[]; values: number[] }[]): unknown[] =>
    valuesOf(
      assembleNested(pairs.node!, leaf => {
        const { repetition, definition, values } = leaves[pairs.leaves.indexOf(leaf)]!
        const raw = new RawValues('INT32', 0, values.length)
        raw.data.bytes.set(new Uint8Array(Int32Array.from(values).buffer))
        raw.length = values.length
        const slots = repetition.length
        const chunk: RawChunk = {
          values: raw,
          slots,
          repetition: Uint8Array.from(repetition),
          definition: Uint8Array.from(definition),
        }
        return chunk
      }),
    )
  const a = { repetition: [0, 1, 0, 0], definition: [3, 2, 1, 0], values: [7] }
  const b = { repetition: [0, 1, 0, 0], definition: [2, 2, 1, 0], values: [8, 9] }

  it('have a value for each field of each element, null, or no element, or no list', () => {
    expect(read(a, b)).to.deep.equal([
      [
        [7, 8],
        [null, 9],
      ],
      [],
      null,
    ])
  })

  it('are damaged when their leaves do not go together', () => {
    const shorter = { repetition: [0, 0, 0], definition: [2, 1, 0], values: [8] }
    expect(() => read(a, shorter)).to.throw(RangeError, 'the parts of a struct differ in length')
    expect(() => read({ ...a, values: [7, 7] }, b)).to.throw(RangeError, 'levels do not go with their values')
    const orphan = { repetition: [1, 1, 0, 0], definition: [3, 2, 1, 0], values: [7] }
    expect(() => read(orphan, { ...b, repetition: [1, 1, 0, 0] })).to.throw(
      RangeError,
      'an element of no list',
    )
  })
})
