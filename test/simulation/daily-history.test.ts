// A history that is kept by days (docs/decisions/0010-history-by-days.md) in worlds that live for some of them.
//
//   SLUICE_SIM_DAILY_COUNT=2000 npx mocha test/simulation/daily-history.test.ts    more of them
//   SLUICE_SIM_DAILY_SEED=17 npx mocha test/simulation/daily-history.test.ts       one, every storage call printed
import { expect } from 'chai'
import type { DailyTally } from './daily-checks.ts'
import { DailyChecks } from './daily-checks.ts'
import { runDailyLane, runDailyServices } from './daily-lane.ts'
import type { ScheduleOptions } from './run-schedule.ts'
import { runSchedule } from './run-schedule.ts'

const replayed = process.env['SLUICE_SIM_DAILY_SEED']
const schedules = Number(process.env['SLUICE_SIM_DAILY_COUNT'] ?? 36)
const batch = 12

function optionsFor(tally: DailyTally): ScheduleOptions {
  return {
    setting: random => ({
      style: 'merge',
      paceMsMax: random.between(2, 8) * 3_600_000,
      ends: new Map(
        Array.from({ length: random.between(1, 3) }, (_, at) => [`split-${at}`, random.between(15, 45)]),
      ),
    }),
    cast: stage => ({
      checks: new DailyChecks(stage, tally),
      runLane: runDailyLane,
      services: [
        { name: 'services', run: runDailyServices },
        { name: 'services', run: runDailyServices },
      ],
      foreign: null,
    }),
  }
}

const newTally = (): DailyTally => ({ moments: 0, merged: 0, ranges: 0, refused: 0 })

describe('A history by days', function () {
  this.timeout(120_000)

  if (replayed !== undefined) {
    it(`holds in schedule ${replayed}`, async () => {
      const trace = (line: string): void => void process.stdout.write(`${line}\n`)
      await runSchedule(Number(replayed), { ...optionsFor(newTally()), trace })
    })
    return
  }

  for (let first = 1; first <= schedules; first += batch) {
    const last = Math.min(schedules, first + batch - 1)
    it(`holds in schedules ${first} to ${last}`, async () => {
      const tally = newTally()
      for (let seed = first; seed <= last; seed++)
        try {
          await runSchedule(seed, optionsFor(tally))
        } catch (cause) {
          throw new Error(
            `schedule ${seed}: ${(cause as Error).message}\n  SLUICE_SIM_DAILY_SEED=${seed} npx mocha test/simulation/daily-history.test.ts`,
            { cause },
          )
        }
      // The worlds are such that there is something to see.
      expect(tally.merged).to.be.greaterThan(tally.moments / 4)
      expect(tally.refused).to.be.within(1, tally.ranges / 2)
    })
  }
})
