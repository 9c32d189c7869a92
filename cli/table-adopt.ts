// `sluice table adopt`: takes over a table that Spark or Hudi Streamer made, or wrote to after us.
import { systemClock } from '#common/clock.ts'
import { positionsOfCheckpoint } from '#connectors/kafka/position.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { Adopted } from '#lake/table/adopt.ts'
import { adoptTable } from '#lake/table/adopt.ts'

export interface AdoptRequest {
  store: ObjectStore
  key: readonly string[]
  buckets: number
}

/** @throws ConfigError LAKE_NOT_ADOPTABLE and those of the journal */
export async function adopt({ store, key, buckets }: AdoptRequest): Promise<string[]> {
  const adoption = { key, buckets, positionsOf: positionsOfCheckpoint }
  const signal = new AbortController().signal
  return renderAdopted(await adoptTable(store, adoption, { clock: systemClock, signal }))
}

function renderAdopted({ hadJournal, positions, checkpoint }: Adopted): string[] {
  const done = hadJournal ? 'The table was Sluice’s already.' : 'The table is Sluice’s now.'
  if (checkpoint === null) return [`${done} No commit tells a position: its source is read from the start.\n`]
  const splits = [...positions].map(([split, position]) => `  ${split}  ${position}\n`)
  return [`${done} It goes on from the positions of commit ${checkpoint.instant}:\n`, ...splits]
}
