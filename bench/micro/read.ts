// What a snapshot read costs: ROWS rows of 10 columns (2 texts, 3 whole numbers, 2 fractions, a decimal, a timestamp, a
// boolean) in an append table of one file, all columns and three of them; and in a keyed table of which a twentieth of
// the rows is in a log. CPU-seconds are those of the thread and its helpers (user and system); the best of three.
//
//   node bench/micro/read.ts [ROWS]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import {
  BinaryBuilder,
  BooleanBuilder,
  columnBuilder,
  DecimalBuilder,
  Float64Builder,
  Int32Builder,
  Int64Builder,
} from '#catalog/column-builder.ts'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { FileStore } from '#lake/storage/file.ts'
import { openTable } from '#lake/table/open-table.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const signal = new AbortController().signal
const types: readonly ColumnType[] = [
  { kind: 'int64' },
  { kind: 'string' },
  { kind: 'string' },
  { kind: 'int32' },
  { kind: 'int64' },
  { kind: 'float64' },
  { kind: 'float64' },
  { kind: 'decimal', precision: 12, scale: 2 },
  { kind: 'timestamp' },
  { kind: 'boolean' },
]
const columns = types.map((type, at): Column => ({ name: `c${at}`, type, nullable: at > 0 }))
const states = ['new', 'paid', 'packed', 'sent', 'delivered', 'returned']

function fill(builder: ColumnBuilder, column: number, row: number): void {
  const mixed = Math.imul(row * 13 + column, 0x9e3779b1) >>> 0
  if (column > 0 && mixed % 17 === 0) builder.appendNull()
  else if (builder instanceof Int64Builder) builder.appendNumber(column === 0 ? row : 1.7e15 + mixed)
  else if (builder instanceof Int32Builder) builder.append(mixed % 100_000)
  else if (builder instanceof Float64Builder) builder.append(mixed / 7)
  else if (builder instanceof BooleanBuilder) builder.append(mixed % 3 === 0)
  else if (builder instanceof DecimalBuilder) builder.append(BigInt(mixed))
  else if (builder instanceof BinaryBuilder)
    builder.appendString(column === 1 ? states[mixed % 6]! : `customer ${mixed.toString(36)}`)
}

function batchOf(schema: TableSchema, from: number, count: number, step: number): ChangeBatch {
  const built = columns.map(({ type }, column) => {
    const builder = columnBuilder(type)
    for (let at = 0; at < count; at++) fill(builder, column, from + at * step)
    return builder.finish()
  })
  const sequences = BigInt64Array.from({ length: count }, (_, at) => BigInt(at * step))
  return { schema, length: count, columns: built, operations: null, sequences }
}

async function makeTable(folder: string, key: string[], changed: number): Promise<FileStore> {
  const store = new FileStore(folder, systemClock)
  const schema = { columns, key }
  const wanted = { name: 't', schema, buckets: 1, estimatedBytes: 0, version: 8, policy: 'evolve' } as const
  const writer = await openTable(wanted, { store, clock: systemClock, writer: 'bench', signal })
  await writer.stage({ batch: batchOf(schema, 0, rows, 1), truncate: null }, signal)
  await writer.commit([], {}, signal)
  if (changed > 0) {
    const batch = batchOf(schema, 3, changed, Math.floor(rows / changed))
    await writer.stage({ batch, truncate: null }, signal)
    await writer.commit([], {}, signal)
  }
  await writer.close()
  return store
}

async function measure(name: string, store: FileStore, names: readonly string[]): Promise<void> {
  let best = Infinity
  for (let turn = 0; turn < 3; turn++) {
    const before = process.cpuUsage()
    let found = 0
    for await (const batch of (await TableReader.open(store)).read({ columns: names })) found += batch.rows
    if (found !== rows) throw new Error(`${found} rows instead of ${rows}`)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1e6)
  }
  const speed = Math.round(rows / best).toLocaleString('en')
  process.stdout.write(`${name}: ${best.toFixed(2)} CPU-s, ${speed} rows per CPU-second\n`)
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-read-'))
try {
  const names = columns.map(({ name }) => name)
  const append = await makeTable(join(folder, 'append'), [], 0)
  await measure('10 columns', append, names)
  await measure('3 of 10 columns', append, ['c0', 'c1', 'c7'])
  const keyed = await makeTable(join(folder, 'keyed'), ['c0'], Math.floor(rows / 20))
  await measure('10 columns, a twentieth in a log', keyed, names)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
