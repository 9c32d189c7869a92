// What a compaction costs, and how long it keeps its thread to itself: a base of ROWS rows in one file group, a fifth of
// them updated in ten commits. Rows have 12 fields, about 150 bytes. The longest pause is what a commit that falls due
// meanwhile may have to wait. Another process makes the table, so that the memory measured is the compaction's.
//
//   node bench/micro/compact.ts [ROWS [MEMORY_MIB]]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { BinaryBuilder, columnBuilder, Float64Builder, Int64Builder } from '#catalog/column-builder.ts'
import type { ColumnType, TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { CompactionPolicy } from '#lake/services/plan-compaction.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { FileStore } from '#lake/storage/file.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'

const rows = Number(process.argv[2] ?? 500_000)
const signal = new AbortController().signal
const kinds: readonly ColumnType['kind'][] = ['string', 'int64', 'float64', 'string']
const schema: TableSchema = {
  columns: Array.from({ length: 12 }, (_, at) => ({
    name: at === 0 ? 'id' : `field_${at}`,
    type: { kind: kinds[at % 4]! } as ColumnType,
    nullable: at > 0,
  })),
  key: ['id'],
}

function fill(builder: ColumnBuilder, column: number, row: number, turn: number): void {
  const mixed = Math.imul(row * 13 + column + turn, 0x9e3779b1) >>> 0
  if (builder instanceof Int64Builder) builder.appendNumber(mixed)
  else if (builder instanceof Float64Builder) builder.append(mixed / 7)
  else if (builder instanceof BinaryBuilder)
    builder.appendString(column === 0 ? `order-${row}` : `value ${mixed.toString(36)} ${column}`)
}

/** `count` rows whose numbers are `step` apart. */
function batchOf(first: number, count: number, step: number, turn: number): ChangeBatch {
  const columns = schema.columns.map(({ type }, column) => {
    const builder = columnBuilder(type)
    for (let at = 0; at < count; at++) fill(builder, column, first + at * step, turn)
    return builder.finish()
  })
  const sequences = BigInt64Array.from({ length: count }, (_, at) => BigInt(turn * rows + at))
  return { schema, length: count, columns, operations: new Uint8Array(count).fill(1), sequences }
}

async function makeTable(folder: string): Promise<void> {
  const store = new FileStore(folder, systemClock)
  const wanted = {
    name: 'rows',
    schema,
    estimatedBytes: 0,
    buckets: 1,
    version: 8,
    policy: 'evolve',
  } as const
  const writer = await openTable(wanted, { store, clock: systemClock, writer: 'bench', signal })
  const commit = async (batch: ChangeBatch): Promise<void> => {
    await writer.stage({ batch, truncate: null }, signal)
    await writer.commit([], {}, signal)
  }
  await commit(batchOf(0, rows, 1, 0))
  for (let turn = 1; turn <= 10; turn++) await commit(batchOf(turn, Math.floor(rows / 50), 50, turn))
}

const policy: CompactionPolicy = { ...defaultCompactionPolicy, logFilesMin: 1 }
if (process.argv[3] !== undefined) policy.memoryBytes = Number(process.argv[3]) * 2 ** 20

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
const ms = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(0)} ms`

async function compactTable(folder: string): Promise<void> {
  const store = new FileStore(folder, systemClock)
  const journal = await Journal.open(store, { clock: systemClock, writer: 'compactor', signal })
  const definition = (await readDefinition(store))!
  const context = { store, definition, journal, clock: systemClock, signal }
  const pauses = monitorEventLoopDelay({ resolution: 5 })
  const idle = process.memoryUsage.rss()
  const startedAtMs = systemClock.monotonicMs()
  const cpu = process.cpuUsage()
  pauses.enable()
  const compacted = await compactSome(context, policy)
  pauses.disable()
  const spent = process.cpuUsage(cpu)
  const seconds = (systemClock.monotonicMs() - startedAtMs) / 1000
  const cpuSeconds = (spent.user + spent.system) / 1e6
  const peak = process.resourceUsage().maxRSS * 1024
  console.log(
    [
      `${compacted?.rows} rows in ${seconds.toFixed(2)} s, ${Math.round((compacted?.rows ?? 0) / seconds)} rows/s`,
      `${((cpuSeconds * 1e6) / rows).toFixed(2)} CPU-s/M rows, ${Math.round(rows / cpuSeconds)} rows per CPU-s`,
      `pauses: median ${ms(pauses.percentile(50))}, 99th ${ms(pauses.percentile(99))}, longest ${ms(pauses.max)}`,
      `RSS at most ${mebibytes(peak)}, before ${mebibytes(idle)}: ${mebibytes(peak - idle)} more`,
    ].join('\n'),
  )
}

const made = process.env['COMPACT_BENCH_TABLE']
if (made !== undefined) await makeTable(made)
else {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-compact-'))
  try {
    const env = { ...process.env, COMPACT_BENCH_TABLE: folder }
    const script = fileURLToPath(import.meta.url)
    spawnSync(process.execPath, [script, String(rows)], { env, stdio: 'inherit' })
    await compactTable(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
