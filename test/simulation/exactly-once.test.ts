// The proof of "no row lost, none twice": thousands of schedules of writers, compactors, clusterers, cleaners, other
// engines and zombies on one table, with the real journal, timeline, cleaning, archiving and table creation, under
// crashes, pauses, lost, late and repeated requests.
// README.md of this folder says how to read and replay them.
//
//   SLUICE_SIM_SEED=17 npx mocha test/simulation      one schedule, every storage call printed
//   SLUICE_SIM_COUNT=100000 npx mocha test/simulation  more of them
import { expect } from 'chai'
import { cleanerOf } from './cleaner.ts'
import { clustererOf } from './clusterer.ts'
import type { Cast, ScheduleOptions, Stage } from './run-schedule.ts'
import { runSchedule, standIns } from './run-schedule.ts'
import type { Round } from './serve.ts'
import { service } from './serve.ts'
import type { Service } from './world.ts'
import { Violation } from './invariants.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError, InvariantError } from '#common/errors.ts'
import type { JournalOptions } from '#lake/journal/journal.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { Step } from '#lake/journal/step.ts'
import { checkPositions, checkStaged } from '#lake/journal/step.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

const replayed = process.env['SLUICE_SIM_SEED']
const schedules = Number(process.env['SLUICE_SIM_COUNT'] ?? 4_500)
const batch = 250
const mutationSeeds = 150

async function run(seed: number, options: ScheduleOptions = {}): ReturnType<typeof runSchedule> {
  try {
    return await runSchedule(seed, options)
  } catch (cause) {
    const message = `schedule ${seed}: ${(cause as Error).message}\n  SLUICE_SIM_SEED=${seed} npx mocha test/simulation`
    throw new Error(message, { cause })
  }
}

/** How many of the seeds' schedules break a promise, and do not just stop at a check of the journal's own. */
async function violations(options: ScheduleOptions, seeds: number): Promise<number> {
  let found = 0
  for (let seed = 1; seed <= seeds; seed++)
    try {
      await runSchedule(seed, options)
    } catch (error) {
      if (error instanceof Violation) found++
      else if (!(error instanceof InvariantError || error instanceof ConfigError)) throw error
    }
  return found
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

/** A journal that commits before the time of its instants has come, for those whose clocks are right. */
function openAhead(store: ObjectStore, options: JournalOptions): Promise<Journal> {
  const { clock } = options
  const ahead: Clock = {
    nowMs: () => clock.nowMs() + 5_000,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    uuid: () => clock.uuid(),
    random: () => clock.random(),
  }
  return Journal.open(store, { ...options, clock: ahead })
}

/** The usual cast, with these services beside its own. */
function withServices(services: readonly Service[]): (stage: Stage) => Cast {
  return stage => {
    const cast = standIns(stage)
    return { ...cast, services: [...cast.services, ...services, ...services] }
  }
}

/** Takes the oldest instants off the timeline, whatever files there are. */
async function trimFirst({ store, journal }: Round): Promise<void> {
  const completed = (await loadTimeline(store, journal.layout)).filter(at => at.state === 'completed')
  for (const { path } of completed.slice(0, -1)) await store.delete([path])
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
        name: 'cleaning does not keep what the retention promises',
        options: { cast: withServices([{ name: 'cleaner', run: cleanerOf(0) }]) },
      },
      {
        name: 'the timeline is trimmed before the files',
        options: { cast: withServices([{ name: 'trimmer', run: service(trimFirst) }]) },
      },
      {
        name: 'clustering takes in rows of later instants',
        options: { cast: withServices([{ name: 'clusterer', run: clustererOf({ laterToo: true }) }]) },
      },
      {
        name: 'instants are ahead of the clock',
        options: {
          openJournal: openAhead,
          setting: () => ({ style: 'rewrite', clocksInStep: true, paceMsMax: 0 }) as const,
        },
      },
      {
        name: 'create-if-absent overwrites',
        options: { truth: (objects: Map<string, Uint8Array>) => new OverwritingStore('', objects) },
      },
    ])
      it(`is found broken when ${name}`, async () => {
        const found = await violations(options, mutationSeeds)
        console.log(`      by ${found} of ${mutationSeeds} seeds`)
        expect(found, 'seeds that find it').to.be.at.least(1)
      })
  })
}
