// What a lane can read in a second when it does nothing else: rows per busy second, of lanes that are busy enough to tell.
// Learned while the job runs and kept for ever, so that nothing is learned anew after a restart.
import type { LaneMeasurement, LearnedCapacity } from './model.ts'

/** Below this a lane's busy time is mostly waiting for the next row, which tells little. */
const tellingShare = 0.5
/** From here on it is surely as fast as it gets. */
const saturatedShare = 0.9
/**
 * A lane that reads less than the first part of what is known tells nothing of what records cost, since commits and table
 * services take their time whatever comes; one that reads the second part tells all.
 */
const tellingRates = [0.25, 0.5] as const
const memoryMs = 120_000
const saturatedMemoryMs = 40_000
/** Over so long a measurement is a mean: it says nothing of the time before, when none told anything. */
const measuredOverMs = 30_000

/**
 * Takes in what was measured since; lanes that start or hand over splits say nothing.
 * @param late lanes whose lag shows that they cannot read more than they do
 */
export function learnCapacity(
  known: LearnedCapacity | null,
  lanes: readonly LaneMeasurement[],
  late: ReadonlySet<string> = new Set(),
): LearnedCapacity | null {
  const telling = tellingLanes(known, lanes, late)
  const busy = telling.reduce((sum, { told, lane }) => sum + told * lane.busyShare, 0)
  const processed = telling.reduce((sum, { told, lane }) => sum + told * lane.processedPerSecond, 0)
  if (busy === 0 || processed === 0) return known
  const sample = {
    perSecond: processed / busy,
    spread: spreadOf(telling.map(({ lane }) => lane)),
    atMs: Math.max(...telling.map(({ lane }) => lane.measuredAtMs)),
  }
  if (known === null) return sample
  const saturated = telling.some(({ lane }) => lane.busyShare >= saturatedShare)
  const sinceMs = Math.min(measuredOverMs, sample.atMs - known.atMs)
  const told = Math.max(...telling.map(each => each.told))
  const weight = 1 - Math.exp((-told * sinceMs) / (saturated ? saturatedMemoryMs : memoryMs))
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

/** Of one lane now, as far as it tells; else of any. */
export function capacityOf(lane: LaneMeasurement | undefined, learned: number): number {
  if (lane === undefined || !lane.settled || lane.busyShare < tellingShare) return learned
  const told = toldBy(lane.processedPerSecond, learned)
  return learned + told * (lane.processedPerSecond / lane.busyShare - learned)
}

/** How much of what is measured of a lane that reads so much is believed, 0 to 1. */
function toldBy(processedPerSecond: number, known: number): number {
  const [nothing, all] = tellingRates
  return Math.min(1, Math.max(0, (processedPerSecond / known - nothing) / (all - nothing)))
}

interface TellingLane {
  lane: LaneMeasurement
  /** How much of what it tells is believed, above 0 and at most 1. */
  told: number
}

/** Idle lanes are better than nothing, as long as nothing is known. */
function tellingLanes(
  known: LearnedCapacity | null,
  lanes: readonly LaneMeasurement[],
  late: ReadonlySet<string>,
): TellingLane[] {
  const settled = lanes.filter(lane => lane.settled && lane.measuredAtMs > (known?.atMs ?? -Infinity))
  const busy = settled.filter(({ busyShare }) => busyShare >= tellingShare)
  if (known === null) {
    const any = busy.length > 0 ? busy : settled.filter(({ busyShare }) => busyShare > 0.02)
    return any.map(lane => ({ lane, told: 1 }))
  }
  return busy
    .map(lane => ({ lane, told: late.has(lane.id) ? 1 : toldBy(lane.processedPerSecond, known.perSecond) }))
    .filter(({ told }) => told > 0)
}

function spreadOf(lanes: readonly LaneMeasurement[]): number {
  const rates = lanes.map(({ processedPerSecond, busyShare }) => processedPerSecond / busyShare)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  return Math.sqrt(variance) / mean
}
