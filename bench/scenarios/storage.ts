// What a table costs to keep of which 5 % change each day, with the state of each of the last 30 days readable, beside a
// full copy a day. The days are simulated: the clock is turned by hand, and all else is as in production, services
// included.
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { concatVectors } from '#catalog/concat.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import type { Compression } from '#lake/parquet/format.ts'
import type { RowBatch } from '#lake/reader/slice-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { customersBatch, customersSchema } from '../lake/customers.ts'
import { drawRows } from '../lake/key-draws.ts'

const rows = 50_000
const changedPerDay = 0.05
const commitsPerDay = 24
const dayMs = 24 * 3_600_000
const historyDays = 30

export interface StoredDay {
  day: number
  /** Everything below the table's folder. */
  tableBytes: number
  /** Full copies of the last 30 days, compressed as the table is. */
  copiesBytes: number
  /** The same as Spark writes Parquet unless told otherwise. */
  snappyCopiesBytes: number
}

export async function storageScenario(days: number): Promise<StoredDay[]> {
  const { signal } = new AbortController()
  const store = new MemoryStore()
  let nowMs = Date.parse('2026-01-01T00:00:00Z')
  const clock: Clock = { ...systemClock, nowMs: () => nowMs }
  const writer = await openCustomers(store, clock, signal)
  const write = async (drawn: Int32Array, round: number): Promise<void> => {
    const batch = customersBatch(drawn, { round, sequence: round * rows, atMs: nowMs })
    await writer.stage({ batch, truncate: null }, signal)
    await writer.commit([], {}, signal)
  }
  await write(
    Int32Array.from({ length: rows }, (_, row) => row),
    0,
  )
  const copies: Record<Compression, number>[] = [await copyBytes(store)]
  const stored: StoredDay[] = []
  for (let round = 1; round <= days * commitsPerDay; round++) {
    nowMs += dayMs / commitsPerDay
    await write(drawRows(rows, Math.round((rows * changedPerDay) / commitsPerDay), 'uniform', round), round)
    await writer.maintain(signal)
    if (round % commitsPerDay > 0) continue
    copies.push(await copyBytes(store))
    stored.push(await storedDay(store, round / commitsPerDay, copies.slice(-historyDays)))
  }
  await writer.close()
  return stored
}

function openCustomers(store: ObjectStore, clock: Clock, signal: AbortSignal): Promise<TableWriter> {
  const wanted = {
    name: 'customers',
    schema: customersSchema,
    estimatedBytes: 0,
    buckets: 1,
    version: 8,
    policy: 'evolve',
    retentionMs: dayMs,
    dailyHistoryMs: historyDays * dayMs,
  } as const
  return openTable(wanted, { store, clock, writer: 'bench', signal })
}

/** Bytes of the table's rows as one plain Parquet file, without Hudi's columns and ours. */
async function copyBytes(store: ObjectStore): Promise<Record<Compression, number>> {
  const reader = await TableReader.open(store)
  const names = customersSchema.columns.map(({ name }) => name)
  const batches: RowBatch[] = []
  for await (const batch of reader.read({ columns: names })) batches.push(batch)
  const count = batches.reduce((sum, batch) => sum + batch.rows, 0)
  const columns = batches[0]!.columns.map((column, index) => ({
    ...column,
    vector: concatVectors(batches.map(batch => batch.columns[index]!.vector)),
  }))
  const size = (compression: Compression): number =>
    encodeParquet(columns, count, { compression, keyValues: {} }).length
  return { zstd: size('zstd'), snappy: size('snappy'), zstdSmall: 0, uncompressed: 0 }
}

async function storedDay(
  store: ObjectStore,
  day: number,
  copies: readonly Record<Compression, number>[],
): Promise<StoredDay> {
  let tableBytes = 0
  for await (const { sizeBytes } of store.list('')) tableBytes += sizeBytes
  const sum = (compression: Compression): number =>
    copies.reduce((total, copy) => total + copy[compression], 0)
  return { day, tableBytes, copiesBytes: sum('zstd'), snappyCopiesBytes: sum('snappy') }
}
