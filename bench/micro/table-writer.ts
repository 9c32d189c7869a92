// What a table writer costs, without a source and with a store that only counts: CPU seconds per million rows of
// an append table and of a keyed one. Rows are like a click's JSON: 12 fields, about 150 bytes, keys that repeat.
//
//   node bench/micro/table-writer.ts [ROWS] [ROWS_PER_BATCH]
import type { ChangeBatch } from '#catalog/change-batch.ts'
import {
  BinaryBuilder,
  BooleanBuilder,
  Float64Builder,
  Int32Builder,
  Int64Builder,
} from '#catalog/column-builder.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { columnBuilder } from '#catalog/column-builder.ts'
import type { ColumnType, TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { openTable } from '#lake/table/open-table.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const batchRows = Number(process.argv[3] ?? 100_000)
const signal = new AbortController().signal

const fields: readonly (readonly [string, ColumnType['kind']])[] = [
  ['user', 'string'],
  ['session', 'string'],
  ['page', 'string'],
  ['referrer', 'string'],
  ['country', 'string'],
  ['device', 'string'],
  ['at', 'timestamp'],
  ['duration', 'int64'],
  ['width', 'int32'],
  ['height', 'int32'],
  ['score', 'float64'],
  ['is_bot', 'boolean'],
]

function schemaOf(key: readonly string[]): TableSchema {
  const columns = fields.map(([name, kind]) => ({
    name,
    type: { kind } as ColumnType,
    nullable: name !== 'user',
  }))
  return { columns, key }
}

const countries = ['DE', 'FR', 'US', 'JP', 'BR']
const devices = ['phone', 'tablet', 'desktop']

function fill(builder: ColumnBuilder, name: string, row: number): void {
  const mixed = Math.imul(row, 0x9e3779b1) >>> 0
  if (builder instanceof BooleanBuilder) builder.append(mixed % 50 === 0)
  else if (builder instanceof Int32Builder) builder.append(mixed % 4000)
  else if (builder instanceof Float64Builder) builder.append(mixed / 7)
  else if (builder instanceof Int64Builder) builder.appendNumber(1_700_000_000_000_000 + row * 137)
  else if (builder instanceof BinaryBuilder) builder.appendString(textOf(name, row, mixed))
}

function textOf(name: string, row: number, mixed: number): string {
  if (name === 'user') return `user-${mixed % 500_000}`
  if (name === 'session') return mixed.toString(16).padStart(8, '0') + row.toString(16).padStart(8, '0')
  if (name === 'page') return `/shop/category/${mixed % 40}/item/${mixed % 9000}`
  if (name === 'referrer') return `https://example.org/${mixed % 300}`
  return name === 'country' ? countries[mixed % 5]! : devices[mixed % 3]!
}

function batchOf(schema: TableSchema, from: number, operations: Uint8Array | null): ChangeBatch {
  const columns = schema.columns.map(({ name, type }) => {
    const builder = columnBuilder(type)
    for (let row = from; row < from + batchRows; row++) fill(builder, name, row)
    return builder.finish()
  })
  const sequences = BigInt64Array.from({ length: batchRows }, (_, row) => BigInt(from + row))
  return { schema, length: batchRows, columns, operations, sequences }
}

async function measure(name: string, key: readonly string[]): Promise<void> {
  const schema = schemaOf(key)
  const context = { store: new MemoryStore().at(name), clock: systemClock, writer: 'bench', signal }
  const wanted = { name, schema, estimatedBytes: 0, version: 8, policy: 'evolve' } as const
  const writer = await openTable(wanted, context)
  let cpuUs = 0
  let bytes = 0
  for (let from = 0; from < rows; from += batchRows) {
    const batch = batchOf(schema, from, key.length === 0 ? null : new Uint8Array(batchRows).fill(1))
    const start = process.cpuUsage()
    await writer.stage({ batch, truncate: null }, signal)
    bytes += (await writer.commit([], {}, signal)).bytes
    const spent = process.cpuUsage(start)
    cpuUs += spent.user + spent.system
  }
  const perMillion = cpuUs / rows
  console.log(
    `${name.padEnd(8)} ${perMillion.toFixed(2)} CPU-s/M rows, ${(bytes / rows).toFixed(1)} bytes/row`,
  )
}

await measure('append', [])
await measure('keyed', ['user'])
