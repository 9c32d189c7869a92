import { expect } from 'chai'
import avro from 'avsc'
import fc from 'fast-check'
import type { Value } from '#test/lake/vectors.ts'
import { columnsArbitrary, namedVectors, tableOf, vectorFrom } from '#test/lake/vectors.ts'
import type { ColumnType } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import { decodeRecords, encodeRecords } from '#lake/avro/records.ts'
import { avroSchemaOf, tableSchemaOf } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'

describe('Avro records', () => {
  it('come back as they went, whatever the types', () => {
    fc.assert(
      fc.property(columnsArbitrary, columns => {
        const vectors = namedVectors(columns)
        const decoded = decodeRecords(schemaOf(columns), encodeRecords(vectors, null))
        expect(decoded.rows).to.equal(columns[0]!.values.length)
        expect(tableOf(decoded.columns)).to.deep.equal(tableOf(vectors))
        expect(decoded.columns.map(({ vector }) => vector.type)).to.deep.equal(
          columns.map(({ type }) => type),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('are what another Avro implementation reads', () => {
    fc.assert(
      fc.property(columnsArbitrary, columns => {
        const type = typeOf(schemaOf(columns))
        const records = framed(encodeRecords(namedVectors(columns), null)).map(
          bytes => type.fromBuffer(bytes) as Record<string, unknown>,
        )
        for (const { name, type: columnType, values } of columns)
          expect(records.map(record => plain(record[name], columnType))).to.deep.equal(values)
      }),
      { numRuns: 200 },
    )
  })

  it('hold the rows chosen, in the order chosen', () => {
    const vectors = namedVectors([
      { name: 'a', type: { kind: 'int32' }, values: [1, 2, null, 4] },
      { name: 'b', type: { kind: 'string' }, values: ['x', null, 'z', 'w'] },
    ])
    const columns = [...vectors, { name: 'c', vector: constantStrings('same', 4), nullable: true }]
    const schema = avroSchemaOf(
      't',
      { columns: columns.map(c => ({ ...c, type: c.vector.type })), key: [] },
      { metaFields: false },
    )
    const decoded = decodeRecords(schema, encodeRecords(columns, Int32Array.of(3, 1, 2)))
    expect(tableOf(decoded.columns)).to.deep.equal({
      a: [4, 2, null],
      b: ['w', null, 'z'],
      c: ['same', 'same', 'same'],
    })
  })

  it('are read by the fields asked for, and step over types that are not ours', () => {
    const schema = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'self', type: ['null', 'r'] },
        { name: 'm', type: { type: 'map', values: ['null', 'long', 'string'] } },
        { name: 'a', type: 'int' },
        { name: 'local', type: { type: 'long', logicalType: 'local-timestamp-micros' } },
        { name: 'e', type: { type: 'enum', name: 'color', symbols: ['red', 'blue'] } },
        { name: 'again', type: ['null', 'color'] },
        { name: 'late', type: { type: 'long', logicalType: 'timestamp-millis' } },
        { name: 'wide', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 3 } },
      ],
    }
    const type = typeOf(schema)
    const wide = Buffer.from([0xff, 0xff, 0xfe])
    const inner = { self: null, m: {}, a: 6, local: 0n, e: 'red', again: null, late: 0n, wide }
    const record = {
      ...inner,
      self: { r: inner },
      m: { k: { long: 5n } },
      a: 7,
      e: 'blue',
      again: { color: 'red' },
      late: -3n,
    }
    const body = type.toBuffer(record)
    const content = Buffer.concat([Buffer.from([0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, body.length]), body])
    expect(thrownBy(() => decodeRecords(schema, content)).code).to.equal('LAKE_TYPE_UNSUPPORTED')
    const decoded = decodeRecords(schema, content, { columns: ['a', 'e', 'again', 'late', 'wide'] })
    expect(tableOf(decoded.columns)).to.deep.equal({
      a: [7],
      e: ['blue'],
      again: ['red'],
      late: [-3000n],
      wide: [-2n],
    })
    expect(tableSchemaOf(schema).unsupported.map(({ name }) => name)).to.deep.equal(['self', 'm', 'local'])
  })

  it('that are cut or damaged are told from sound ones', () => {
    const vectors = namedVectors([
      { name: 'a', type: { kind: 'int64' }, values: [1n, 2n ** 62n, null] },
      { name: 'b', type: { kind: 'list', element: { kind: 'string' } }, values: [['x', null], [], null] },
    ])
    const schema = schemaOf(vectors.map(({ name, vector }) => ({ name, type: vector.type })))
    const content = encodeRecords(vectors, null)
    for (let length = 0; length < content.length; length++)
      expect(thrownBy(() => decodeRecords(schema, content.subarray(0, length))).code).to.equal(
        'LAKE_FILE_CORRUPT',
      )
    fc.assert(
      fc.property(fc.nat(content.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(content)
        damaged[at] = byte
        try {
          decodeRecords(schema, damaged, { context: { path: 'p' } })
        } catch (error) {
          expect(error).to.be.instanceOf(DataError)
          expect((error as DataError).context).to.deep.equal({ path: 'p' })
        }
      }),
    )
  })

  it('end with their bytes, whatever counts and sizes they claim', () => {
    const record = (fields: object[]): object => ({ type: 'record', name: 't', fields })
    const nulls = { type: 'array', items: { type: 'array', items: 'null' } }
    // A list of lists of nulls, each said to hold thousands of millions: no null takes a byte.
    const most = [0xfe, 0xff, 0xff, 0xff, 0x0f]
    const lists = Array.from({ length: 2000 }, () => [...most, 0]).flat()
    const listed = decodeRecords(record([{ name: 'z', type: nulls }]), block([0xa0, 0x1f, ...lists, 0]), {
      columns: [],
    })
    expect(listed.rows).to.equal(1)
    // A fixed type of no size, and a decimal of a mebibyte.
    const fixed = { type: 'fixed', name: 'f' }
    const decimal = { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }
    const long = [0x80, 0x80, 0x80, 0x01, ...Buffer.alloc(2 ** 20, 1)]
    for (const [fields, body] of [
      [
        [
          { name: 'a', type: fixed },
          { name: 'b', type: 'int' },
        ],
        [2],
      ],
      [[{ name: 'd', type: decimal }], long],
    ] as const)
      expect(thrownBy(() => decodeRecords(record([...fields]), block([...body]))).code).to.equal(
        'LAKE_FILE_CORRUPT',
      )
  })

  it('write an empty list as one byte', () => {
    const vector = vectorFrom({ kind: 'list', element: { kind: 'int32' } }, [[]])
    const content = encodeRecords([{ name: 'l', vector, nullable: true }], null)
    expect([...content.subarray(12)]).to.deep.equal([2, 0])
  })
})

function schemaOf(columns: readonly { name: string; type: ColumnType }[]): unknown {
  return avroSchemaOf(
    't',
    { columns: columns.map(c => ({ ...c, nullable: true })), key: [] },
    { metaFields: false },
  )
}

const bigintLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** Longs are bigint, also those with a logical type, and a union's value names its branch. */
function typeOf(schema: unknown): avro.Type {
  const isLong = (at: unknown): boolean => at === 'long' || (at as { type?: unknown }).type === 'long'
  return avro.Type.forSchema(schema as avro.Schema, {
    wrapUnions: true,
    typeHook: at => (isLong(at) ? bigintLong : undefined) as avro.Type,
  })
}

function framed(content: Buffer): Buffer[] {
  const records: Buffer[] = []
  for (let at = 8; at < content.length;) {
    const end = at + 4 + content.readInt32BE(at)
    records.push(content.subarray(at + 4, end))
    at = end
  }
  expect(content.readInt32BE(0)).to.equal(3)
  expect(content.readInt32BE(4)).to.equal(records.length)
  return records
}

/** A value as the other implementation wraps it: {branch: value}, bytes as buffers. */
function plain(wrapped: unknown, type: ColumnType): Value {
  if (wrapped === null) return null
  const value: unknown = Object.values(wrapped as object)[0]
  if (type.kind === 'list') return (value as unknown[]).map(item => plain(item, type.element))
  if (type.kind === 'map')
    return Object.entries(value as object).map(([key, item]) => [key, plain(item, type.value)])
  if (type.kind === 'struct')
    return type.fields.map(field => plain((value as Record<string, unknown>)[field.name], field.type))
  if (type.kind === 'decimal') {
    const bytes = value as Buffer
    return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
  }
  return type.kind === 'bytes' ? (value as Buffer).toString('hex') : (value as Value)
}

function thrownBy(call: () => unknown): DataError {
  try {
    call()
  } catch (error) {
    expect(error).to.be.instanceOf(DataError)
    return error as DataError
  }
  throw new Error('nothing was thrown')
}

/** The content of a block of one record. */
function block(record: readonly number[]): Buffer {
  const head = Buffer.alloc(12)
  head.writeInt32BE(3, 0)
  head.writeInt32BE(1, 4)
  head.writeInt32BE(record.length, 8)
  return Buffer.concat([head, Buffer.from(record)])
}
