// What becomes of a table when time goes by: a step of the journal under a later clock, and the services after it.
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { clean } from '#lake/services/clean.ts'
import { servicePolicy } from '#lake/services/table-services.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { readDefinition } from '#lake/table/create.ts'

/** Cleans and trims as would be done from so many hours on, were nothing more to be written: a share in each round. */
export async function tidyLater(store: ObjectStore, hours: number): Promise<void> {
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + hours * 3_600_000 }
  const { signal } = new AbortController()
  const definition = (await readDefinition(store))!
  const journal = await Journal.open(store, { clock, signal, writer: 'later' })
  const { seq, schemaVersion } = journal.state
  // The table lives on: what was staged long ago can no longer be committed.
  const nothing = { action: null, metadata: null, moves: [], fileGroups: {} }
  const instant = await journal.nextInstant()
  await journal.commit({ kind: 'schedule', instant, ...nothing, stagedAt: seq, schemaVersion })
  const { cleaning } = servicePolicy(24 * 3_600_000)
  const context = { store, definition, journal, clock, signal }
  for (let trimmed = 1; trimmed > 0;)
    trimmed = (await clean(context, { ...cleaning, everyMs: 0, trimMin: 1 })).instants
}
