// What a table costs to keep of which 5 % change each day, with the state of each of the last 30 days readable, beside a
// full copy a day. The days are simulated: the clock is turned by hand, and all else is as in production, services
// included.
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { concatVectors } from '#catalog/concat.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import type { RowBatch } from '#lake/reader/slice-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { customersBatch, customersSchema } from '../lake/customers.ts'
import { drawRows } from '../lake/key-draws.ts'
import type { StoredParts } from '../lake/stored-parts.ts'
import { meanParts, storedParts } from '../lake/stored-parts.ts'

const rows = 500_000
const changedPerDay = 0.05
const commitsPerDay = 24
/** Rounds of the table services between two commits: as often as they clean. */
const turnsPerCommit = 6
const dayMs = 24 * 3_600_000
const historyDays = 30
/** A copy is measured so often: the next ones are as large but for a thousandth. */
const copyEveryDays = 5

/** Ways to compress a copy: as Spark does unless told otherwise, as our newest files are, as our past is. */
export type CopyBytes = Record<'snappy' | 'zstd' | 'zstdSmall', number>

export interface StoredDay {
  day: number
  /** The mean of the day: what a superseded file costs until it may go is in it. */
  table: StoredParts
  /** Full copies of the last 30 days. */
  copies: CopyBytes
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
  const copies: CopyBytes[] = [await copyBytes(store)]
  const stored: StoredDay[] = []
  for (let day = 1; day <= days; day++) {
    const looks: StoredParts[] = []
    for (let hour = 0; hour < commitsPerDay; hour++) {
      const round = (day - 1) * commitsPerDay + hour + 1
      await write(drawRows(rows, Math.round((rows * changedPerDay) / commitsPerDay), 'uniform', round), round)
      for (let turn = 0; turn < turnsPerCommit; turn++) {
        nowMs += dayMs / commitsPerDay / turnsPerCommit
        await writer.maintain(signal)
        looks.push(await storedParts(store, nowMs))
      }
    }
    copies.push(day % copyEveryDays === 0 ? await copyBytes(store) : copies.at(-1)!)
    stored.push({ day, table: meanParts(looks), copies: sumOf(copies.slice(-historyDays)) })
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
async function copyBytes(store: ObjectStore): Promise<CopyBytes> {
  const reader = await TableReader.open(store)
  const names = customersSchema.columns.map(({ name }) => name)
  const batches: RowBatch[] = []
  for await (const batch of reader.read({ columns: names })) batches.push(batch)
  const count = batches.reduce((sum, batch) => sum + batch.rows, 0)
  const columns = batches[0]!.columns.map((column, index) => ({
    ...column,
    vector: concatVectors(batches.map(batch => batch.columns[index]!.vector)),
  }))
  return byCodec(compression => encodeParquet(columns, count, { compression, keyValues: {} }).length)
}

function sumOf(copies: readonly CopyBytes[]): CopyBytes {
  return byCodec(codec => copies.reduce((sum, copy) => sum + copy[codec], 0))
}

function byCodec(bytes: (codec: keyof CopyBytes) => number): CopyBytes {
  return { snappy: bytes('snappy'), zstd: bytes('zstd'), zstdSmall: bytes('zstdSmall') }
}
