// Our Parquet files in the hands of two engines that share no code with us or with each other.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import type { ColumnType } from '#catalog/types.ts'
import { isNested, typeName } from '#catalog/types.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import type { EncodeOptions, NamedVector } from '#lake/parquet/encode.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import { python } from '#test/bed/cache.ts'
import { requires } from '#test/bed/requires.ts'
import type { TestColumn, Value } from '#test/lake/vectors.ts'
import { namedVectors, typeArbitrary, valueArbitrary } from '#test/lake/vectors.ts'

interface Seen {
  pyarrow: Record<string, unknown[]>
  duckdb: Record<string, unknown[]>
  types: Record<string, string>
  physical: Record<string, string>
  bounds: Record<string, [string, string]>
  keyValues: Record<string, string>
}

const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale })
const types: Record<string, ColumnType> = {
  flag: { kind: 'boolean' },
  small: { kind: 'int32' },
  big: { kind: 'int64' },
  single: { kind: 'float32' },
  double: { kind: 'float64' },
  money: decimal(9, 2),
  wide: decimal(18, 4),
  widest: decimal(38, 10),
  text: { kind: 'string' },
  bytes: { kind: 'bytes' },
  day: { kind: 'date' },
  at: { kind: 'timestamp' },
  words: { kind: 'list', element: { kind: 'string' } },
  grid: { kind: 'list', element: { kind: 'list', element: { kind: 'int32' } } },
  place: {
    kind: 'struct',
    fields: [
      { name: 'city', type: { kind: 'string' } },
      { name: 'fees', type: { kind: 'list', element: decimal(9, 2) } },
      { name: 'spot', type: { kind: 'struct', fields: [{ name: 'lat', type: { kind: 'float64' } }] } },
    ],
  },
  items: {
    kind: 'list',
    element: {
      kind: 'struct',
      fields: [
        { name: 'sku', type: { kind: 'bytes' } },
        { name: 'at', type: { kind: 'list', element: { kind: 'timestamp' } } },
      ],
    },
  },
  counts: {
    kind: 'map',
    value: { kind: 'struct', fields: [{ name: 'n', type: { kind: 'int64' } }] },
  },
}

describe('Parquet files read by pyarrow and DuckDB', () => {
  requires('hudi')
  const dir = mkdtempSync(join(tmpdir(), 'sluice-parquet-'))
  after(() => rmSync(dir, { recursive: true }))

  function read(columns: readonly NamedVector[], rows: number, options: Partial<EncodeOptions> = {}): Seen {
    const path = join(dir, 'file.parquet')
    writeFileSync(path, encodeParquet(columns, rows, { compression: 'zstd', keyValues: {}, ...options }))
    const script = join(import.meta.dirname, 'read_parquet.py')
    return JSON.parse(execFileSync(python, [script, path], { encoding: 'utf8', maxBuffer: 1 << 28 })) as Seen
  }

  for (const compression of ['zstd', 'snappy', 'uncompressed'] as const)
    it(`hold the extremes of every type (${compression})`, function () {
      this.timeout(60_000)
      const columns = Object.entries(types).map(([name, type], index) => sampled(name, type, index))
      const seen = read(namedVectors(columns), columns[0]!.values.length, {
        compression,
        rowGroupRowsMax: 200,
      })
      for (const { name, type, values } of columns) {
        const expected = values.map(value => plain(value, type))
        expect(seen.pyarrow[name], `${name} by pyarrow`).to.deep.equal(expected)
        expect(seen.duckdb[name], `${name} by DuckDB`).to.deep.equal(expected)
      }
    })

  it('hold lists, structs and maps within each other, whatever the types', function () {
    this.timeout(60_000)
    const nested = fc.sample(typeArbitrary, { numRuns: 300, seed: 7 }).filter(isNested).slice(0, 80)
    const columns = nested.map((type, index) => sampled(`c${index}`, type, index, 60))
    const seen = read(namedVectors(columns), 60, { rowGroupRowsMax: 24 })
    for (const { name, type, values } of columns) {
      const expected = values.map(value => plain(value, type))
      expect(seen.pyarrow[name], `${typeName(type)} by pyarrow`).to.deep.equal(expected)
      expect(seen.duckdb[name], `${typeName(type)} by DuckDB`).to.deep.equal(expected)
    }
  })

  it('say what their columns are, as Hudi needs it', function () {
    this.timeout(60_000)
    const columns = Object.entries(types).map(([name, type], index) => sampled(name, type, index))
    const keyValues = { 'parquet.avro.schema': '{}', 'writer.model.name': 'avro' }
    const seen = read(namedVectors(columns), 8, { keyValues })
    expect(seen.types).to.include({
      money: 'decimal128(9, 2)',
      at: 'timestamp[us, tz=UTC]',
      day: 'date32[day]',
      grid: 'list<element: list<element: int32>>',
      place: 'struct<city: string, fees: list<element: decimal128(9, 2)>, spot: struct<lat: double>>',
      counts: "map<string, struct<n: int64> ('counts')>",
    })
    for (const name of ['money', 'wide', 'widest'])
      expect(seen.physical[name]).to.equal('FIXED_LEN_BYTE_ARRAY')
    expect(seen.physical).to.include({
      'words.list.element': 'BYTE_ARRAY',
      'place.spot.lat': 'DOUBLE',
      'items.list.element.sku': 'BYTE_ARRAY',
      'counts.key_value.value.n': 'INT64',
    })
    expect(seen.keyValues).to.include(keyValues)
  })

  it('bound their columns, so that row groups can be skipped', function () {
    this.timeout(60_000)
    const seen = read(
      [
        ...namedVectors([
          { name: 'long', type: { kind: 'int64' }, values: [3n, null, -(2n ** 63n), 2n ** 40n] },
          { name: 'money', type: decimal(9, 2), values: [-150n, null, 99n, 12n] },
          { name: 'text', type: { kind: 'string' }, values: ['b', 'é', null, 'a'] },
          { name: 'double', type: { kind: 'float64' }, values: [0, 1.5, null, 2] },
          { name: 'nan', type: { kind: 'float64' }, values: [0, Number.NaN, null, 2] },
          { name: 'void', type: { kind: 'string' }, values: [null, null, null, null] },
        ]),
        { name: 'same', vector: constantStrings('x', 4), nullable: true },
      ],
      4,
    )
    expect(seen.bounds).to.deep.equal({
      long: [String(-(2n ** 63n)), String(2n ** 40n)],
      money: ['-1.50', '0.99'],
      text: ['a', 'é'],
      double: ['-0.0', '2.0'],
      same: ['x', 'x'],
    })
  })
})

function sampled(name: string, type: ColumnType, seed: number, rows = 500): TestColumn {
  const value = fc.oneof(
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 5, arbitrary: valueArbitrary(type) },
  )
  return { name, type, values: fc.sample(value, { numRuns: rows, seed }) }
}

/** A value as read_parquet.py prints it. */
function plain(value: Value, type: ColumnType): unknown {
  if (value === null) return null
  switch (type.kind) {
    case 'list':
      return (value as readonly Value[]).map(item => plain(item, type.element))
    case 'struct': {
      const values = value as readonly Value[]
      return Object.fromEntries(
        type.fields.map(({ name, type: inner }, at) => [name, plain(values[at]!, inner)]),
      )
    }
    case 'map':
      return (value as readonly [Value, Value][]).map(([key, item]) => [key, plain(item, type.value)])
    case 'float32':
    case 'float64': {
      const bytes = Buffer.alloc(type.kind === 'float32' ? 4 : 8)
      if (type.kind === 'float32') bytes.writeFloatBE(value as number)
      else bytes.writeDoubleBE(value as number)
      return bytes.toString('hex')
    }
    default:
      return typeof value === 'bigint' ? String(value) : value
  }
}
