// What all stand-in services have in common: a journal of their own, a few rounds, and errors treated as the worker does.
import { pause } from './lane.ts'
import type { Process } from './process.ts'
import type { RunProcess, World } from './world.ts'
import { ConfigError, ConflictError, TransientError, isAbort } from '#common/errors.ts'
import type { Journal } from '#lake/journal/journal.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

export interface Round {
  world: World
  process: Process
  store: ObjectStore
  journal: Journal
}

/** A service that does a round a few times, and is then done. */
export function service(round: (at: Round) => Promise<void>): RunProcess {
  return async (world, process, store) => {
    const { clock, signal, name } = process
    const { random } = world.scheduler
    try {
      const opening = { clock, signal, writer: name, retention: world.retention }
      const journal = await world.openJournal(store, opening)
      for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
        await clock.sleep(random.between(1, 2_000))
        await pause(world, clock)
        await round({ world, process, store, journal }).catch((error: unknown) => {
          if (!(error instanceof ConflictError)) throw error
        })
        await journal.refresh()
      }
    } catch (error) {
      if (!(error instanceof TransientError) && !isUnmade(error) && !isAbort(error)) throw error
    }
  }
}

/** Whoever makes the table is not done yet. */
function isUnmade(error: unknown): boolean {
  return error instanceof ConfigError && error.code === 'LAKE_TABLE_MISSING'
}
