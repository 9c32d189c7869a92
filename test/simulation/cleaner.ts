// The real cleaning, trimming and archiving in the stand-in worlds: they look at names, times and commits, never into a
// data file.
import type { Round } from './serve.ts'
import { service } from './serve.ts'
import type { RunProcess } from './world.ts'
import { retentionMs } from './world.ts'
import { clean } from '#lake/services/clean.ts'
import { defaultThinningPolicy } from '#lake/services/thin-bases.ts'

export const cleaner = { name: 'cleaner', run: cleanerOf(retentionMs) }

export function cleanerOf(keptMs: number): RunProcess {
  return service(round => tidy(round, keptMs))
}

async function tidy({ world, process, store, journal }: Round, keptMs: number): Promise<void> {
  const { random } = world.scheduler
  const { clock, signal } = process
  await clean(
    { store, definition: world.definition, journal, clock, signal },
    {
      retentionMs: keptMs,
      instantsMin: random.between(1, 4),
      trimMin: random.between(1, 3),
      historyMs: random.pick([0, 90 * 24 * 3_600_000]),
      thinning: random.chance(0.5) ? defaultThinningPolicy : null,
    },
  )
}
