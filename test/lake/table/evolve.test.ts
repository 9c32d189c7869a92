import { expect } from 'chai'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { typeName } from '#catalog/types.ts'
import { tableColumns, withOwnColumns, withoutOwnColumns } from '#lake/table/columns.ts'
import { evolvedSchema } from '#lake/table/evolve.ts'
import { projectColumns } from '#lake/table/project.ts'
import { batchOf, valuesOf } from './vectors.ts'

function schemaOf(columns: Record<string, ColumnType['kind']>): TableSchema {
  const list: Column[] = Object.entries(columns).map(([name, kind]) => ({
    name,
    type: { kind } as ColumnType,
    nullable: true,
  }))
  return { columns: list, key: ['id'] }
}

const stored = withOwnColumns(schemaOf({ id: 'int64', qty: 'int32', note: 'string' }))

describe('schema evolution', () => {
  const added = schemaOf({ id: 'int64', qty: 'int32', note: 'string', colour: 'string' })
  const widened = schemaOf({ id: 'int64', qty: 'int64', note: 'string' })
  const dropped = schemaOf({ id: 'int64', qty: 'int32' })
  const retyped = schemaOf({ id: 'int64', qty: 'int32', note: 'boolean' })
  const cases = [
    { policy: 'evolve', wanted: added, adds: 'colour' },
    { policy: 'additive', wanted: added, adds: 'colour' },
    { policy: 'ignore', wanted: added, adds: null },
    { policy: 'fail', wanted: added, refuses: 'column colour (string) is new' },
    { policy: 'evolve', wanted: widened, widens: 'qty' },
    { policy: 'additive', wanted: widened, refuses: 'column qty changed from int32 to int64' },
    { policy: 'ignore', wanted: widened, refuses: 'column qty changed from int32 to int64' },
    { policy: 'fail', wanted: widened, refuses: 'column qty changed from int32 to int64' },
    { policy: 'evolve', wanted: dropped, adds: null },
    { policy: 'fail', wanted: dropped, refuses: 'column note (string) is gone' },
    { policy: 'evolve', wanted: retyped, refuses: 'column note changed from string to boolean' },
    { policy: 'ignore', wanted: retyped, refuses: 'column note changed from string to boolean' },
  ] as const
  for (const { policy, wanted, ...outcome } of cases)
    it(`under ${policy}: ${JSON.stringify(outcome)}`, () => {
      const change = () => evolvedSchema({ table: 't', stored, wanted, policy })
      if ('refuses' in outcome)
        return void expect(change).to.throw(outcome.refuses).with.property('code', 'SCHEMA_CHANGE_REFUSED')
      const result = change()
      if ('widens' in outcome)
        expect(result?.columns.find(column => column.name === outcome.widens)?.type.kind).to.equal('int64')
      else if (outcome.adds === null) expect(result).to.equal(null)
      else
        expect(result?.columns.map(column => column.name)).to.deep.equal([
          ...stored.columns.map(column => column.name),
          outcome.adds,
        ])
    })

  const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale })
  const steps: { from: ColumnType; to: ColumnType; stays?: boolean; follows: boolean }[] = [
    { from: { kind: 'int32' }, to: { kind: 'int64' }, follows: true },
    { from: { kind: 'int32' }, to: { kind: 'float64' }, follows: true },
    { from: decimal(10, 2), to: decimal(12, 2), follows: true },
    { from: decimal(10, 2), to: decimal(12, 3), follows: false },
    { from: decimal(10, 2), to: decimal(9, 2), stays: true, follows: true },
    { from: { kind: 'int64' }, to: { kind: 'int32' }, stays: true, follows: true },
    { from: { kind: 'int64' }, to: { kind: 'float64' }, follows: false },
    { from: { kind: 'int32' }, to: decimal(12, 0), follows: false },
    { from: { kind: 'float32' }, to: { kind: 'float64' }, follows: false },
    { from: { kind: 'date' }, to: { kind: 'timestamp' }, follows: false },
  ]
  for (const { from, to, stays, follows } of steps)
    it(`${follows ? 'follows' : 'refuses'} a column from ${typeName(from)} to ${typeName(to)}`, () => {
      const typed = (type: ColumnType): TableSchema => ({
        columns: [
          { name: 'id', type: { kind: 'string' }, nullable: true },
          { name: 'x', type, nullable: true },
        ],
        key: ['id'],
      })
      const change = () =>
        evolvedSchema({ table: 't', stored: typed(from), wanted: typed(to), policy: 'evolve' })
      if (!follows) expect(change).to.throw(`column x changed from ${typeName(from)} to ${typeName(to)}`)
      else expect(change()?.columns[1]?.type ?? from).to.deep.equal(stays ? from : to)
    })

  const struct = (fields: Record<string, ColumnType>): ColumnType => ({
    kind: 'struct',
    fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
  })
  const listOf = (element: ColumnType): ColumnType => ({ kind: 'list', element })
  const mapOf = (value: ColumnType): ColumnType => ({ kind: 'map', value })
  const int: ColumnType = { kind: 'int32' }
  const long: ColumnType = { kind: 'int64' }
  const text: ColumnType = { kind: 'string' }
  const nested = (type: ColumnType): TableSchema => ({
    columns: [{ name: 'x', type, nullable: true }],
    key: [],
  })
  const before = struct({ a: int, in: struct({ b: int }) })
  const more = struct({ in: struct({ c: text, b: long }), a: int })

  it('adds fields to structs and widens them, at any depth, in the order of the table', () => {
    const after = struct({ a: int, in: struct({ b: long, c: text }) })
    for (const around of [(type: ColumnType) => type, listOf, mapOf]) {
      const change = { table: 't', stored: nested(around(before)), wanted: nested(around(more)) }
      const evolved = evolvedSchema({ ...change, policy: 'evolve' })
      expect(evolved?.columns).to.deep.equal(nested(around(after)).columns)
    }
  })

  const nestedCases = [
    { policy: 'additive', wanted: struct({ a: int, in: struct({ b: int, c: text }) }), adds: true },
    { policy: 'additive', wanted: more, refuses: 'column x.in.b changed from int32 to int64' },
    { policy: 'ignore', wanted: struct({ a: int, c: text }), adds: false },
    {
      policy: 'fail',
      wanted: struct({ a: int, c: text, in: struct({ b: int }) }),
      refuses: 'column x.c (string) is new',
    },
    { policy: 'fail', wanted: struct({ a: int, in: struct({}) }), refuses: 'column x.in.b (int32) is gone' },
    { policy: 'evolve', wanted: struct({ a: int }), adds: false },
    {
      policy: 'evolve',
      wanted: text,
      refuses: 'column x changed from struct<a:int32,in:struct<b:int32>> to string',
    },
    {
      policy: 'evolve',
      wanted: struct({ in: text }),
      refuses: 'column x.in changed from struct<b:int32> to string',
    },
  ] as const
  for (const { policy, wanted, ...outcome } of nestedCases)
    it(`of a struct under ${policy}: ${JSON.stringify(outcome)}`, () => {
      const change = () =>
        evolvedSchema({ table: 't', stored: nested(before), wanted: nested(wanted), policy })
      if ('refuses' in outcome) expect(change).to.throw(outcome.refuses)
      else expect(change() !== null).to.equal(outcome.adds)
    })

  it('brings values of structs under the fields of the table, nulls at every level', () => {
    const type = listOf(struct({ 'B c': int, gone: int, in: struct({ z: int }) }))
    const batch = batchOf({ columns: [{ name: 'x', type, nullable: true }], key: [] }, [
      { seq: 1, row: { x: [[1, 2, [3]], null, [null, 4, null]] } },
      { seq: 2, row: { x: null } },
      { seq: 3, row: { x: [] } },
    ])
    const to = listOf(struct({ in: struct({ y: text, z: long }), b__c: long }))
    const [column] = projectColumns(batch, [{ name: 'x', type: to, nullable: true }])
    expect(column!.type).to.deep.equal(to)
    expect(valuesOf(column!)).to.deep.equal([[[[null, 3n], 1n], null, [null, null]], null, []])
  })

  it('keeps values when it widens them', () => {
    const batch = batchOf(
      {
        columns: [
          { name: 'd', type: decimal(4, 2), nullable: true },
          { name: 'f', type: { kind: 'int32' }, nullable: true },
        ],
        key: [],
      },
      [
        { seq: 1, row: { d: -1n, f: 7 } },
        { seq: 2, row: { d: 9999n, f: null } },
        { seq: 3, row: { d: null, f: -(2 ** 31) } },
      ],
    )
    const wide = projectColumns(batch, [
      { name: 'd', type: decimal(20, 2), nullable: true },
      { name: 'f', type: { kind: 'float64' }, nullable: true },
    ])
    expect(wide.map(valuesOf)).to.deep.equal([
      [-1n, 9999n, null],
      [7, null, -(2 ** 31)],
    ])
  })

  it('leaves a table alone whose columns are wider than the rows', () => {
    const wide = withOwnColumns(widened)
    const wanted = schemaOf({ id: 'int64', qty: 'int32', note: 'string' })
    expect(evolvedSchema({ table: 't', stored: wide, wanted, policy: 'fail' })).to.equal(null)
  })

  it('maps rows read under an older schema onto the table', () => {
    const old = schemaOf({ qty: 'int32', id: 'int64', gone: 'string' })
    const batch = batchOf(old, [
      { seq: 1, row: { id: 1n, qty: -5, gone: 'x' } },
      { seq: 2, row: { id: 2n, qty: null } },
    ])
    const target = schemaOf({ id: 'int64', qty: 'int64', note: 'string' })
    const columns = projectColumns(batch, target.columns)
    expect(columns.map(column => column.type)).to.deep.equal(target.columns.map(column => column.type))
    expect(columns.map(valuesOf)).to.deep.equal([
      [1n, 2n],
      [-5n, null],
      [null, null],
    ])
  })
})

describe('column names', () => {
  it('of fields are made legal, and refused where they would be one', () => {
    const of = (...names: string[]): TableSchema => {
      const fields = names.map(name => ({ name, type: { kind: 'int32' } as const }))
      const type: ColumnType = { kind: 'list', element: { kind: 'struct', fields } }
      return { columns: [{ name: 'x', type, nullable: true }], key: [] }
    }
    expect(typeName(tableColumns('t', of('unit price', 'ok')).columns[0]!.type)).to.equal(
      'list<struct<unit__price:int32,ok:int32>>',
    )
    expect(() => tableColumns('t', of('a', 'A'))).to.throw('Columns a and A would have the same name')
  })

  it('are made legal for Avro and otherwise kept', () => {
    const schema = schemaOf({
      id: 'int64',
      'unit price': 'string',
      '2nd': 'string',
      naïve: 'string',
      ok_1: 'string',
    })
    expect(tableColumns('t', schema).columns.map(column => column.name)).to.deep.equal([
      'id',
      'unit__price',
      '__nd',
      'na__ve',
      'ok_1',
    ])
  })
  for (const names of [
    ['id', 'a b', 'a-b'],
    ['id', 'A', 'a'],
    ['id', '_hoodie_commit_time'],
    ['id', '_sluice_seq'],
  ])
    it(`are refused when the table cannot keep them apart from others: ${names.join()}`, () => {
      const schema = schemaOf(Object.fromEntries(names.map(name => [name, 'string'])))
      expect(() => tableColumns('t', schema))
        .to.throw()
        .with.property('code', 'COLUMN_NAME_UNSUPPORTED')
    })
  it('of the lake itself come and go', () => {
    expect(withoutOwnColumns(withOwnColumns(dropSeq))).to.deep.equal(dropSeq)
  })
})

const dropSeq = schemaOf({ id: 'int64' })
