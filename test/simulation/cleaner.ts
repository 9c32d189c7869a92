// The real cleaning, trimming and archiving in the stand-in worlds: they look at names, times and commits, never into a
// data file.
import type { Round } from './serve.ts'
import { service } from './serve.ts'
import { retentionMs } from './world.ts'
import { clean } from '#lake/services/clean.ts'
import { defaultThinningPolicy } from '#lake/services/thin-bases.ts'

export const cleaner = { name: 'cleaner', run: service(tidy) }

async function tidy({ world, process, store, journal }: Round): Promise<void> {
  const { random } = world.scheduler
  const { clock, signal } = process
  await clean(
    { store, definition: world.definition, journal, clock, signal },
    {
      retentionMs,
      instantsMin: random.between(1, 4),
      trimMin: random.between(1, 3),
      historyMs: random.pick([0, 90 * 24 * 3_600_000]),
      thinning: random.chance(0.5) ? defaultThinningPolicy : null,
    },
  )
}
