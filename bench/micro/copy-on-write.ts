// What a commit of a copy-on-write table costs, without a source and with a store in memory: CPU seconds to write a
// base of ROWS rows, then for commits of CHANGES changes to rows drawn uniformly, or all to the newest tenth.
//
//   node bench/micro/copy-on-write.ts [ROWS] [CHANGES] [BUCKETS]
import { drawRows } from '#bench/lake/key-draws.ts'
import { ordersBatch, ordersSchema } from '#bench/lake/orders.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { systemClock as clock } from '#common/clock.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { openTable } from '#lake/table/open-table.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const changes = Number(process.argv[3] ?? 200_000)
const buckets = Number(process.argv[4] ?? 4)
const batchRows = 50_000
const signal = new AbortController().signal

const store = new MemoryStore()
const wanted = { name: 'orders', schema: ordersSchema, estimatedBytes: 0, buckets, version: 8 } as const
const writer = await openTable(
  { ...wanted, tableType: 'COPY_ON_WRITE', policy: 'evolve' },
  { store, clock, writer: 'bench', signal },
)

function batchesOf(numbers: Int32Array, round: number): ChangeBatch[] {
  const count = Math.ceil(numbers.length / batchRows)
  return Array.from({ length: count }, (_, at) =>
    ordersBatch(numbers.subarray(at * batchRows, (at + 1) * batchRows), round, round * rows + at * batchRows),
  )
}

async function measure(name: string, numbers: Int32Array, round: number): Promise<void> {
  const batches = batchesOf(numbers, round)
  const before = process.cpuUsage()
  for (const batch of batches) await writer.stage({ batch, truncate: null }, signal)
  const staged = process.cpuUsage(before)
  const { bytes } = await writer.commit([], {}, signal)
  const { user, system } = process.cpuUsage(before)
  const stageSeconds = (staged.user + staged.system) / 1e6
  const seconds = (user + system) / 1e6
  const rss = process.memoryUsage().rss >> 20
  console.log(
    `${name}: ${seconds.toFixed(2)} CPU-s (staging ${stageSeconds.toFixed(2)}), ${(bytes / 2 ** 20).toFixed(1)} MiB written, RSS ${rss} MiB`,
  )
}

const all = Int32Array.from({ length: rows }, (_, row) => row)
await measure(`base of ${rows}`, all, 0)
await measure(`${changes} uniform`, drawRows(rows, changes, 'uniform', 1), 1)
await measure(`${changes} uniform`, drawRows(rows, changes, 'uniform', 2), 2)
const tenth = drawRows(Math.floor(rows / 10), changes, 'uniform', 3).map(row => rows - 1 - row)
await measure(`${changes} to the newest tenth`, tenth, 3)
await measure('100 uniform', drawRows(rows, 100, 'uniform', 4), 4)
