// How many workers a job has while a snapshot is copied: what there is to read is all there, so twice the workers are done
// in half the time for the same lane time. So it gets as many as there are ranges left for their lanes, and never fewer
// than before: what streams afterwards decides about that. A copy that is done in a minute is not worth the start of a pod.
import { decideSize } from './decide.ts'
import type { Observation, ScalingDecision } from './model.ts'
import { within } from './sizes.ts'

/** Shorter, and the copy is done before a new worker reads. */
const worthMs = 60_000

/** @param ranges bounded splits that are not read to their end. @param sinceMs when there were some first */
export function decideBackfill(
  observation: Observation,
  { ranges, sinceMs }: { ranges: number; sinceMs: number },
): ScalingDecision {
  const { running, limits, nowMs } = observation
  // What can be learned meanwhile is learned, and the state goes on.
  const { numbers, state } = decideSize(observation)
  const known = observation.state ?? state
  const from = { replicas: running.replicas, lanes: running.lanes }
  const useful = nowMs - sinceMs < worthMs ? 0 : Math.ceil(ranges / running.lanes)
  const size = within(limits, { ...from, replicas: Math.max(from.replicas, useful) })
  const changes = size.replicas !== from.replicas
  return {
    ...size,
    reason: 'Backfill',
    numbers: { ...numbers, predictedLagMs: null, payBackMs: null },
    state: {
      ...state,
      // What was decided by the lag alone has not come true.
      lastShrunkAtMs: known.lastShrunkAtMs,
      lastChange: changes ? { atMs: nowMs, from, to: size, readyAtMs: null } : known.lastChange,
    },
  }
}
