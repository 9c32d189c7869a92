import { expect } from 'chai'
import type { ColumnType } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { avroName, avroSchemaOf, metaFields, tableSchemaOf } from '#lake/avro/schema.ts'

const types: [string, ColumnType, unknown][] = [
  ['boolean', { kind: 'boolean' }, 'boolean'],
  ['int32', { kind: 'int32' }, 'int'],
  ['int64', { kind: 'int64' }, 'long'],
  ['float32', { kind: 'float32' }, 'float'],
  ['float64', { kind: 'float64' }, 'double'],
  ['string', { kind: 'string' }, 'string'],
  ['bytes', { kind: 'bytes' }, 'bytes'],
  ['date', { kind: 'date' }, { type: 'int', logicalType: 'date' }],
  ['timestamp', { kind: 'timestamp' }, { type: 'long', logicalType: 'timestamp-micros' }],
  [
    'decimal(10,2)',
    { kind: 'decimal', precision: 10, scale: 2 },
    {
      type: 'fixed',
      name: 'fixed',
      namespace: 'hoodie.a__b.a__b_record.c',
      size: 5,
      logicalType: 'decimal',
      precision: 10,
      scale: 2,
    },
  ],
  [
    'struct<a:int32,d:decimal(10,2)>',
    {
      kind: 'struct',
      fields: [
        { name: 'a', type: { kind: 'int32' } },
        { name: 'd', type: { kind: 'decimal', precision: 10, scale: 2 } },
      ],
    },
    {
      type: 'record',
      name: 'c',
      namespace: 'hoodie.a__b.a__b_record',
      fields: [
        { name: 'a', type: ['null', 'int'], default: null },
        {
          name: 'd',
          type: [
            'null',
            {
              type: 'fixed',
              name: 'fixed',
              namespace: 'hoodie.a__b.a__b_record.c.d',
              size: 5,
              logicalType: 'decimal',
              precision: 10,
              scale: 2,
            },
          ],
          default: null,
        },
      ],
    },
  ],
  ['map<string,int64>', { kind: 'map', value: { kind: 'int64' } }, { type: 'map', values: ['null', 'long'] }],
  ['list<int32>', { kind: 'list', element: { kind: 'int32' } }, { type: 'array', items: ['null', 'int'] }],
]

describe('the Avro schema of a table', () => {
  for (const [name, type, expected] of types)
    it(`holds a ${name} as a nullable field, and gives it back`, () => {
      const schema = { columns: [{ name: 'c', type, nullable: true }], key: [] }
      const avro = avroSchemaOf('a-b', schema, { metaFields: false })
      expect(avro).to.deep.equal({
        type: 'record',
        name: 'a__b_record',
        namespace: 'hoodie.a__b',
        fields: [{ name: 'c', type: ['null', expected], default: null }],
      })
      expect(tableSchemaOf(JSON.stringify(avro))).to.deep.equal({ schema, unsupported: [] })
    })

  it('has the meta fields first, and none of them comes back as a column', () => {
    const schema = { columns: [{ name: 'c', type: { kind: 'int32' }, nullable: true } as const], key: [] }
    const avro = avroSchemaOf('t', schema, { metaFields: true })
    expect(avro.fields.map(({ name }) => name)).to.deep.equal([...metaFields, 'c'])
    expect(tableSchemaOf(avro).schema).to.deep.equal(schema)
  })

  it('gives two decimals of one record names of their own', () => {
    const decimal = (precision: number): ColumnType => ({ kind: 'decimal', precision, scale: 0 })
    const columns = [4, 30].map(precision => ({
      name: `d${precision}`,
      type: decimal(precision),
      nullable: true,
    }))
    const { fields } = avroSchemaOf('t', { columns, key: [] }, { metaFields: false })
    const names = fields.map(({ type }) => (type[1] as { namespace: string }).namespace)
    expect(new Set(names).size).to.equal(2)
  })

  it('has a legal name whatever the table is called', () => {
    expect(['orders', 'a-b', '2026.q1', 'größe', '_x'].map(avroName)).to.deep.equal([
      'orders',
      'a__b',
      '__026__q1',
      'gr____e',
      '_x',
    ])
  })

  it('refuses a column whose name Avro cannot have', () => {
    const columns = [{ name: 'first name', type: { kind: 'string' }, nullable: true } as const]
    expect(() => avroSchemaOf('t', { columns, key: [] }, { metaFields: false })).to.throw(
      ConfigError,
      'first name',
    )
  })

  it('refuses a field whose name Avro cannot have, however deep', () => {
    const inner: ColumnType = { kind: 'struct', fields: [{ name: 'first name', type: { kind: 'string' } }] }
    for (const type of [inner, { kind: 'list', element: inner }, { kind: 'map', value: inner }] as const)
      expect(() =>
        avroSchemaOf('t', { columns: [{ name: 'c', type, nullable: true }], key: [] }, { metaFields: false }),
      ).to.throw(ConfigError, 'Column "c"')
  })

  it('has no column for a record that holds itself', () => {
    const avro = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'a', type: 'int' },
        {
          name: 'tree',
          type: { type: 'record', name: 't', fields: [{ name: 'next', type: ['null', 't'] }] },
        },
      ],
    }
    expect(tableSchemaOf(avro).unsupported).to.deep.equal([{ name: 'tree', type: 'record' }])
  })

  it('tells required fields from nullable ones, and leaves out types that are not ours', () => {
    const avro = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'required', type: 'string' },
        { name: 'reversed', type: ['long', 'null'] },
        { name: 'either', type: ['null', 'int', 'string'] },
        { name: 'clock', type: { type: 'int', logicalType: 'time-millis' } },
        { name: 'pair', type: { type: 'record', name: 'p', fields: [] } },
      ],
    }
    const { schema, unsupported } = tableSchemaOf(avro)
    expect(schema.columns).to.deep.equal([
      { name: 'required', type: { kind: 'string' }, nullable: false },
      { name: 'reversed', type: { kind: 'int64' }, nullable: true },
    ])
    expect(unsupported).to.deep.equal([
      { name: 'either', type: 'union' },
      { name: 'clock', type: 'time-millis' },
      { name: 'pair', type: 'record' },
    ])
  })
})
