// What a lane can read in a second when it does nothing else: rows per busy second, of lanes that are busy enough to tell.
// Learned while the job runs and kept for ever, so that nothing is learned anew after a restart.
import type { LaneMeasurement, LearnedCapacity } from './model.ts'

/** Below this a lane's busy time is mostly waiting for the next row, which tells little. */
const tellingShare = 0.5
/** From here on it is surely as fast as it gets. */
const saturatedShare = 0.9
const memoryMs = 120_000
const saturatedMemoryMs = 40_000

/** Takes in what was measured since; lanes that start or hand over splits say nothing. */
export function learnCapacity(
  known: LearnedCapacity | null,
  lanes: readonly LaneMeasurement[],
): LearnedCapacity | null {
  const telling = tellingLanes(known, lanes)
  const busy = telling.reduce((sum, { busyShare }) => sum + busyShare, 0)
  const processed = telling.reduce((sum, { processedPerSecond }) => sum + processedPerSecond, 0)
  if (busy === 0 || processed === 0) return known
  const sample = {
    perSecond: processed / busy,
    spread: spreadOf(telling),
    atMs: Math.max(...telling.map(({ measuredAtMs }) => measuredAtMs)),
  }
  if (known === null) return sample
  const saturated = telling.some(({ busyShare }) => busyShare >= saturatedShare)
  const weight = 1 - Math.exp(-(sample.atMs - known.atMs) / (saturated ? saturatedMemoryMs : memoryMs))
  return {
    perSecond: known.perSecond + weight * (sample.perSecond - known.perSecond),
    spread: known.spread + weight * (sample.spread - known.spread),
    atMs: sample.atMs,
  }
}

/** What to count on from each lane: splits are dealt without a look at how fast a lane is, so the slow ones matter. */
export function dependableCapacity({ perSecond, spread }: LearnedCapacity): number {
  return perSecond * (1 - Math.min(0.5, spread))
}

/** Of one lane now, where it tells; else of any. */
export function capacityOf(lane: LaneMeasurement | undefined, learned: number): number {
  if (lane === undefined || !lane.settled || lane.busyShare < tellingShare) return learned
  return lane.processedPerSecond / lane.busyShare
}

/** Idle lanes are better than nothing, as long as nothing is known. */
function tellingLanes(
  known: LearnedCapacity | null,
  lanes: readonly LaneMeasurement[],
): readonly LaneMeasurement[] {
  const since = known?.atMs ?? -Infinity
  const settled = lanes.filter(lane => lane.settled && lane.measuredAtMs > since)
  const busy = settled.filter(({ busyShare }) => busyShare >= tellingShare)
  return busy.length > 0 || known !== null ? busy : settled.filter(({ busyShare }) => busyShare > 0.02)
}

function spreadOf(lanes: readonly LaneMeasurement[]): number {
  const rates = lanes.map(({ processedPerSecond, busyShare }) => processedPerSecond / busyShare)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  return Math.sqrt(variance) / mean
}
