// Sluice's lake library alone, as a process of its own: a base of ROWS rows, then rounds of updates to the rows that
// FOLDER/keys-<round> name (`row,place in the round`), compacted after every fifth round (MERGE_ON_READ). Prints one line of JSON a stage.
//
//   node bench/lake/rounds.ts FOLDER ROWS ROUNDS
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { systemClock as clock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { compactSome } from '#lake/services/compact.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { openStore } from '#lake/storage/open.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import { ordersBatch, ordersSchema } from './orders.ts'

const [folder, rowsText, roundsText] = process.argv.slice(2)
const rows = Number(rowsText)
const rounds = Number(roundsText)
const batchRows = 50_000
const compactionEvery = 5
const signal = new AbortController().signal

const store = await openStore(pathToFileURL(join(folder!, 'sluice')).href, { clock })
const wanted = {
  name: 'orders',
  schema: ordersSchema,
  estimatedBytes: 0,
  version: 8,
  policy: 'evolve',
} as const
const writer = await openTable(wanted, { store, clock, writer: 'bench', signal })

async function commit(batches: Iterable<ChangeBatch>): Promise<void> {
  for (const batch of batches) await writer.stage({ batch, truncate: null }, signal)
  await writer.commit([], {}, signal)
}

function* inBatches(numbers: Int32Array, round: number): Generator<ChangeBatch> {
  for (let from = 0; from < numbers.length; from += batchRows)
    yield ordersBatch(numbers.subarray(from, from + batchRows), round, round * rows + from)
}

async function compact(): Promise<void> {
  const journal = await Journal.open(store, { clock, writer: 'compactor', signal })
  const definition = (await readDefinition(store))!
  const policy = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }
  while ((await compactSome({ store, definition, journal, clock, signal }, policy)) !== null)
    await journal.refresh()
}

function stage(name: string): void {
  console.log(JSON.stringify({ stage: name, seconds: performance.now() / 1000 }))
}

await commit(
  inBatches(
    Int32Array.from({ length: rows }, (_, row) => row),
    0,
  ),
)
stage('base')
for (let round = 1; round <= rounds; round++) {
  const lines = (await readFile(join(folder!, `keys-${round}`), 'utf8')).trimEnd().split('\n')
  await commit(
    inBatches(
      Int32Array.from(lines, line => Number.parseInt(line)),
      round,
    ),
  )
  if (round % compactionEvery === 0) await compact()
  stage(`round ${round}`)
}
await writer.close()
