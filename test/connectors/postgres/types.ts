import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { typeName } from '#catalog/types.ts'
import { Job } from './bed.ts'
import type { Value } from './rows.ts'
import { readAllSnapshots, streamUntilCaughtUp } from './reading.ts'
import { Replica } from './rows.ts'

/** A column: its type at the server, its type here, and literals to store. */
interface Case {
  type: string
  is: string
  literals: string[]
}

const cases: Case[] = [
  { type: 'boolean', is: 'boolean', literals: ['true', 'false'] },
  { type: 'smallint', is: 'int32', literals: ['-32768', '32767', '0'] },
  { type: 'integer', is: 'int32', literals: ['-2147483648', '2147483647'] },
  { type: 'bigint', is: 'int64', literals: ['-9223372036854775808', '9223372036854775807', '-1'] },
  { type: 'oid', is: 'int64', literals: ['4294967295', '0'] },
  { type: 'real', is: 'float32', literals: ["'-1.5'", "'NaN'", "'Infinity'", '0.1'] },
  {
    type: 'double precision',
    is: 'float64',
    literals: ['0.1', "'-0'", "'NaN'", "'-Infinity'", '1e308', '5e-324'],
  },
  {
    type: 'numeric(12,2)',
    is: 'decimal(12,2)',
    literals: ['9999999999.99', '-9999999999.99', '0', '0.01', '-0.10', '1000', '10000', '12345678.9'],
  },
  { type: 'numeric(5,5)', is: 'decimal(5,5)', literals: ['0.99999', '-0.00001', '0.1'] },
  { type: 'numeric(15,0)', is: 'decimal(15,0)', literals: ['999999999999999', '-100000000000000'] },
  {
    type: 'numeric(38,10)',
    is: 'decimal(38,10)',
    literals: ['9999999999999999999999999999.9999999999', '-0.0000000001', '10000', '1e27'],
  },
  { type: 'numeric(3,-2)', is: 'decimal(5,0)', literals: ['99900', '-100', '149'] },
  { type: 'numeric(2,4)', is: 'decimal(4,4)', literals: ['0.0099', '-0.0001'] },
  { type: 'numeric(39,2)', is: 'string', literals: ['1234567890123456789012345678901234567.25', '-0.5'] },
  {
    type: 'numeric',
    is: 'string',
    literals: [
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      '0',
      '0.000',
      '1e20',
      '-12345.6789',
      '0.00001234',
      '1e-20',
      '10000',
    ],
  },
  { type: 'money', is: 'string', literals: ['1234.5', '-1'] },
  { type: 'text', is: 'string', literals: ["''", "'héllo €😀'", "repeat('long ', 3000)", "E'a\\nb\\\\'"] },
  { type: 'varchar(20)', is: 'string', literals: ["'varchar'"] },
  { type: 'char(5)', is: 'string', literals: ["'ab'"] },
  { type: 'name', is: 'string', literals: ["'a name'"] },
  { type: '"char"', is: 'string', literals: ["'x'"] },
  { type: 'mood', is: 'string', literals: ["'happy'", "'sad ''n blue'"] },
  { type: 'uuid', is: 'string', literals: ["'01234567-89ab-cdef-0123-456789abcdef'"] },
  { type: 'json', is: 'string', literals: [`'{"b": 1,  "a":[1, 2]}'`] },
  { type: 'jsonb', is: 'string', literals: [`'{"b": 1,  "a":[1, 2]}'`, "'null'"] },
  { type: 'xml', is: 'string', literals: ["'<a>b</a>'"] },
  { type: 'inet', is: 'string', literals: ["'192.168.1.0/24'", "'::1'"] },
  { type: 'macaddr', is: 'string', literals: ["'08:00:2b:01:02:03'"] },
  { type: 'interval', is: 'string', literals: ["'1 year 2 mons -3 days 04:05:06.789'", "'-1 sec'"] },
  { type: 'time', is: 'string', literals: ["'00:00'", "'23:59:59.999999'", "'24:00'", "'12:34:56.5'"] },
  { type: 'timetz', is: 'string', literals: ["'12:34:56.5+02'", "'00:00-05:30'", "'01:02:03+00:00:01'"] },
  { type: 'int4range', is: 'string', literals: ["'[1,5)'", "'empty'"] },
  { type: 'tstzrange', is: 'string', literals: ["'[2024-01-01 00:00+02,)'"] },
  { type: 'bit varying', is: 'string', literals: ["B'1011'"] },
  { type: 'tsvector', is: 'string', literals: ["'a:1 b:2'"] },
  { type: 'point', is: 'string', literals: ["'(1.5,-2)'"] },
  { type: 'pair', is: 'string', literals: ["ROW(1, 'x,y')"] },
  { type: 'bytea', is: 'bytes', literals: ["'\\x00ff10'", "''"] },
  {
    type: 'date',
    is: 'date',
    literals: ["'0001-01-01'", "'9999-12-31'", "'1582-10-10'", "'1969-12-31'", "'2000-02-29'"],
  },
  {
    type: 'timestamp',
    is: 'timestamp',
    literals: [
      "'0001-01-01'",
      "'9999-12-31 23:59:59.999999'",
      "'1970-01-01'",
      "'1969-12-31 23:59:59.999999'",
      "'2024-02-29 12:34:56.789012'",
    ],
  },
  {
    type: 'timestamptz',
    is: 'timestamp',
    literals: ["'2024-02-29 12:34:56.5+05:30'", "'0001-01-01 00:00+00'", "'2000-01-01 00:00+00'"],
  },
  { type: 'positive', is: 'int32', literals: ['5'] },
  { type: 'price', is: 'decimal(8,3)', literals: ['12345.678'] },
  { type: 'integer[]', is: 'list<int32>', literals: ["'{}'", "'{1,NULL,-3}'", "'[0:1]={7,8}'"] },
  { type: 'text[]', is: 'list<string>', literals: [`'{"a,b",NULL,"NULL","q\\"q\\\\","",é}'`] },
  { type: 'numeric(6,2)[]', is: 'list<decimal(6,2)>', literals: ["'{1.5,-2.25}'"] },
  { type: 'boolean[]', is: 'list<boolean>', literals: ["'{t,f,NULL}'"] },
  { type: 'timestamptz[]', is: 'list<timestamp>', literals: ["'{2024-01-01 00:00+00}'"] },
  { type: 'bytea[]', is: 'list<bytes>', literals: [`array['\\x01'::bytea, '\\xff'::bytea]`] },
  { type: 'uuid[]', is: 'list<string>', literals: ["'{01234567-89ab-cdef-0123-456789abcdef}'"] },
  { type: 'inet[]', is: 'list<string>', literals: ["'{10.0.0.1,NULL}'"] },
  { type: 'interval[]', is: 'list<string>', literals: ["'{1 day,02:00:00}'"] },
  { type: 'pair[]', is: 'list<string>', literals: ['array[ROW(1, \'a "b"\')::pair, NULL]'] },
  { type: 'mood[]', is: 'list<string>', literals: ["'{happy}'"] },
  { type: 'int2vector', is: 'string', literals: ["'1 2 3'"] },
]

const printedTypes = new Set(
  'money|xml|inet|macaddr|interval|int4range|tstzrange|bit varying|tsvector|point|pair|inet[]|interval[]|pair[]|int2vector|"char"'.split(
    '|',
  ),
)

/** SQL that gives a column's value in the form of rows.ts. */
function expected(column: string, type: string): string {
  if (type.startsWith('list<')) {
    const element = expected(`${column}[i]`, type.slice(5, -1))
    return `CASE WHEN ${column} IS NOT NULL THEN array_to_json(ARRAY(SELECT ${element} FROM generate_subscripts(${column}, 1) i ORDER BY i)) END`
  }
  switch (type) {
    case 'bytes':
      return `encode(${column}, 'hex')`
    case 'timestamp':
      return `(extract(epoch FROM ${column}) * 1000000)::numeric(30,0)::text`
    case 'string':
      // Not a cast: that of char(n) drops blanks.
      return `CASE WHEN ${column} IS NOT NULL THEN format('%s', ${column}) END`
    default:
      return `${column}::text`
  }
}

/** Registers the tests: every type of the list, by snapshot and by stream, against what SELECT gives. */
export function describeTypes(version: string, start: () => Promise<PostgresServer>): void {
  describe(`types of PostgreSQL ${version}`, () => {
    let server: PostgresServer
    before(async () => {
      server = await start()
    })

    it('are the same by snapshot and by stream, in binary form', () =>
      compare(
        server,
        cases.filter(({ type }) => !printedTypes.has(type)),
        'binary',
      ))

    it('are the same when a type without a binary form makes the stream a text', () =>
      compare(server, cases, 'text'))
  })
}

async function compare(server: PostgresServer, chosen: Case[], form: string): Promise<void> {
  const job = await Job.create(server)
  try {
    await job.sql(
      `CREATE TYPE mood AS ENUM ('happy', 'sad ''n blue')`,
      `CREATE TYPE pair AS (a int, b text)`,
      `CREATE DOMAIN positive AS int CHECK (VALUE > 0)`,
      `CREATE DOMAIN price AS numeric(8,3)`,
      `CREATE TABLE t (id int PRIMARY KEY, ${chosen.map(({ type }, index) => `c${index} ${type}`).join(', ')})`,
    )
    const rows = Math.max(...chosen.map(({ literals }) => literals.length)) + 1
    const insert = (id: number, row: number): string =>
      `INSERT INTO t VALUES (${id}, ${chosen.map(({ literals, type }) => (literals[row] ? `(${literals[row]})::${type}` : 'NULL')).join(', ')})`
    for (let row = 0; row < rows; row++) await job.sql(insert(row, row))
    const source = await job.source()
    const [table] = await source.discover(never())
    expect(table!.schema.columns.slice(1).map(({ type }) => typeName(type))).to.deep.equal(
      chosen.map(({ is }) => is),
    )
    const replica = new Replica()
    const log = await readAllSnapshots(job, source, replica)
    for (let row = 0; row < rows; row++) await job.sql(insert(1000 + row, row))
    await streamUntilCaughtUp(job, source, log, replica)
    const select = chosen.map(({ is }, index) => `${expected(`c${index}`, is)} AS c${index}`)
    await job.sql(`SET extra_float_digits = 1`, `SET timezone = 'UTC'`)
    const { rows: wanted } = await job.sql(`SELECT id::text, ${select.join(', ')} FROM t`)
    const got = new Map(replica.rows('public.t').map(row => [row['id'], row]))
    expect(got.size).to.equal(wanted.length)
    for (const row of wanted as Record<string, Value>[])
      for (const [index, { type, is }] of chosen.entries()) {
        const name = `c${index}`
        expect(
          comparable(got.get(row['id']!)![name]!, is),
          `${form} ${type} of row ${row['id'] as string}`,
        ).to.deep.equal(comparable(row[name]!, is))
      }
  } finally {
    await job.end()
  }
}

/** Floats print in more than one way. */
function comparable(value: Value, type: string): unknown {
  if (value === null || !type.startsWith('float')) return value
  return type === 'float32' ? Math.fround(Number(value)) : Number(value)
}

function never(): AbortSignal {
  return new AbortController().signal
}
