// The proof of "no row lost, none twice": thousands of schedules of writers, compactors, clusterers, cleaners, other
// engines and zombies on one table, with the real journal, timeline, cleaning, archiving and table creation, under
// crashes, pauses, lost, late and repeated requests.
// README.md of this folder says how to read and replay them.
//
//   SLUICE_SIM_SEED=17 npx mocha test/simulation      one schedule, every storage call printed
//   SLUICE_SIM_COUNT=100000 npx mocha test/simulation  more of them
import { expect } from 'chai'
import type { ScheduleOptions } from './run-schedule.ts'
import { runSchedule } from './run-schedule.ts'
import { Violation } from './invariants.ts'
import { InvariantError } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { Step } from '#lake/journal/step.ts'
import { checkPositions, checkStaged } from '#lake/journal/step.ts'
import { MemoryStore } from '#lake/storage/memory.ts'

const replayed = process.env['SLUICE_SIM_SEED']
const schedules = Number(process.env['SLUICE_SIM_COUNT'] ?? 4_500)
const batch = 250

async function run(seed: number, options: ScheduleOptions = {}): ReturnType<typeof runSchedule> {
  try {
    return await runSchedule(seed, options)
  } catch (cause) {
    const message = `schedule ${seed}: ${(cause as Error).message}\n  SLUICE_SIM_SEED=${seed} npx mocha test/simulation`
    throw new Error(message, { cause })
  }
}

/** The first of the seeds whose schedule breaks a promise, and does not just stop at a check of the journal's own. */
async function firstViolation(options: ScheduleOptions, seedsMax: number): Promise<number | null> {
  for (let seed = 1; seed <= seedsMax; seed++)
    try {
      await runSchedule(seed, options)
    } catch (error) {
      if (error instanceof Violation) return seed
      if (!(error instanceof InvariantError)) throw error
    }
  return null
}

/** A journal that does not look where the splits stand. */
class JournalWithoutPositions extends Journal {
  protected override check(step: Step): Promise<void> {
    checkStaged(this.state, step)
    return Promise.resolve()
  }
}

/** A journal that does not look what became of the file groups. */
class JournalWithoutFileGroups extends Journal {
  protected override check(step: Step): Promise<void> {
    checkPositions(this.state, step.moves)
    checkStaged(this.state, step)
    return Promise.resolve()
  }
}

/** A store that overwrites what it should only create (and is honest to the probe, which would refuse it). */
class OverwritingStore extends MemoryStore {
  override async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    if (path.includes('/probe-')) return super.putIfAbsent(path, bytes)
    await this.put(path, bytes)
    return true
  }
}

if (replayed !== undefined) {
  it(`replays schedule ${replayed}`, async function () {
    this.timeout(60_000)
    console.log(await run(Number(replayed), { trace: line => console.log(line) }))
  })
} else {
  describe('Exactly once', function () {
    this.timeout(120_000)
    const total = { events: 0, entries: 0, commits: 0, processes: 0 }

    for (let first = 1; first <= schedules; first += batch) {
      const last = Math.min(schedules, first + batch - 1)
      it(`holds in schedules ${first} to ${last}`, async function () {
        this.timeout(600_000)
        for (let seed = first; seed <= last; seed++) {
          const result = await run(seed)
          for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += result[key]
        }
      })
    }

    after(() => {
      const { events, processes, entries, commits } = total
      console.log(
        `    ${schedules} schedules: ${processes} processes, ${events} events, ${entries} journal entries, ${commits} commits`,
      )
    })

    it('runs a schedule the same way again', async () => {
      const traces = [[], []] as string[][]
      for (const trace of traces) await run(7, { trace: line => trace.push(line) })
      expect(traces[0]!.length).to.be.greaterThan(100)
      expect(traces[0]).to.deep.equal(traces[1])
    })

    for (const { name, options } of [
      {
        name: 'positions are not checked',
        options: { openJournal: JournalWithoutPositions.open.bind(JournalWithoutPositions) },
      },
      {
        name: 'file groups are not checked',
        options: { openJournal: JournalWithoutFileGroups.open.bind(JournalWithoutFileGroups) },
      },
      {
        name: 'create-if-absent overwrites',
        options: { truth: (objects: Map<string, Uint8Array>) => new OverwritingStore('', objects) },
      },
    ])
      it(`is found broken when ${name}`, async () => {
        const seed = await firstViolation(options, 200)
        expect(seed, 'the first seed that finds it').to.be.a('number')
      })
  })
}
