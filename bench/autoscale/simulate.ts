// One policy through one day.
import type { Limits } from '#master/autoscale/model.ts'
import { seeded } from '../lake/key-draws.ts'
import { Arrivals } from './arrivals.ts'
import { reportS, SimulatedJob, splitCount, stepS } from './job.ts'
import type { Policy } from './policy.ts'
import type { Day, Trace } from './traces.ts'
import { daySeconds } from './traces.ts'

export const limits: Limits = {
  minReplicas: 1,
  maxReplicas: 16,
  lanesMin: 1,
  lanesMax: 2,
  maxLagMs: 60_000,
  idleAfterMs: null,
}

export interface Outcome {
  /** Minutes in which some record was older than `maxLag`. */
  violationMinutes: number
  replicaHours: number
  rescales: number
}

export interface DrawnDay {
  day: Day
  arrivals: Arrivals
  seed: number
}

/** The same seed gives the same day, and every policy the same one. */
export function drawDay(trace: Trace, seed: number): DrawnDay {
  const day = trace.day(seeded(seed))
  return { day, arrivals: new Arrivals(day, { splits: splitCount, stepS }, seeded(seed + 1_000_000)), seed }
}

export function simulate(
  { day, arrivals, seed }: DrawnDay,
  policy: Policy,
  onReport?: (job: SimulatedJob) => void,
): Outcome {
  const job = new SimulatedJob(
    day,
    arrivals,
    { replicas: 4, lanes: limits.lanesMax },
    seeded(seed + 2_000_000),
  )
  let lateS = 0
  for (let nowS = stepS; nowS <= daySeconds; nowS += stepS) {
    job.step()
    if (job.worstLagS * 1000 > limits.maxLagMs) lateS += stepS
    if (nowS % reportS > 0) continue
    const { measurements, running } = job
    job.resize(policy.decide({ nowMs: nowS * 1000, measurements, running, limits }))
    onReport?.(job)
  }
  return { violationMinutes: lateS / 60, replicaHours: job.replicaSeconds / 3600, rescales: job.rescales }
}
