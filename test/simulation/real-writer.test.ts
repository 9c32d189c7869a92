// The real table writer, its services and the reader in the worlds of exactly-once.test.ts.
import { runRealServices } from './real-services.ts'
import { RealTableChecks, runRealLane } from './real-writer.ts'
import { runSchedule } from './run-schedule.ts'

const schedules = Number(process.env['SLUICE_SIM_WRITER_COUNT'] ?? 500)

describe('Exactly once, with the real table writer', function () {
  this.timeout(120_000)

  for (let first = 1; first <= schedules; first += 50)
    it(`holds in schedules ${first} to ${Math.min(schedules, first + 49)}`, async () => {
      for (let seed = first; seed <= Math.min(schedules, first + 49); seed++)
        try {
          await runSchedule(seed, {
            cast: stage => ({
              checks: new RealTableChecks(stage),
              runLane: runRealLane,
              services: [{ name: 'services', run: runRealServices }],
              foreign: null,
            }),
          })
        } catch (cause) {
          throw new Error(`schedule ${seed}: ${(cause as Error).message}`, { cause })
        }
    })
})
