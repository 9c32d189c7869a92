// What becomes of each lane if nothing is done: first in, first out, so the lag grows by the part of a second by which the
// lane falls behind in every second.
import { capacityOf } from './capacity.ts'
import type { LaneMeasurement, Measurements, SplitMeasurement } from './model.ts'

export interface LanePrediction {
  lane: string
  splits: number
  lagMs: number
  /** At the horizon. */
  predictedLagMs: number
  /** Share of its input that it will not get to: by so many seconds a second its lag grows. */
  missedShare: number
  /** Until its backlog is gone; Infinity where it grows. */
  catchUpMs: number
  /** It waits for the target or for a limit more than it should. */
  blocked: boolean
  /** Records/s that it has to read. */
  inputPerSecond: number
  settled: boolean
}

/** From this share of the time on, waiting is what holds a lane up. */
const blockedShareMin = 0.3

export interface Outlook {
  /** Input at the horizon over input now. */
  growth: number
  capacityPerSecond: number
  horizonMs: number
}

export function predictLanes({ splits, lanes }: Measurements, outlook: Outlook): LanePrediction[] {
  const measured = new Map(lanes.map(lane => [lane.id, lane]))
  const held = Map.groupBy(splits, ({ lane }) => lane)
  return [...held].flatMap(([lane, of]) =>
    lane === null ? [] : [predict(lane, of, measured.get(lane), outlook)],
  )
}

function predict(
  lane: string,
  splits: readonly SplitMeasurement[],
  measured: LaneMeasurement | undefined,
  { growth, capacityPerSecond, horizonMs }: Outlook,
): LanePrediction {
  const inputPerSecond = splits.reduce((sum, split) => sum + split.inputPerSecond, 0) * growth
  const backlog = splits.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
  const lagMs = Math.max(...splits.map(split => split.lagMs))
  const capacity = capacityOf(measured, capacityPerSecond)
  const keepsUp = capacity > inputPerSecond
  const idle = inputPerSecond === 0 && backlog === 0
  const catchUpMs = keepsUp ? (backlog * 1000) / (capacity - inputPerSecond) : idle ? 0 : Infinity
  const missedShare = keepsUp || inputPerSecond === 0 ? 0 : 1 - capacity / inputPerSecond
  const predictedLagMs = keepsUp
    ? lagMs * (1 - Math.min(1, horizonMs / Math.max(1, catchUpMs)))
    : lagMs + missedShare * horizonMs
  return {
    lane,
    splits: splits.length,
    lagMs,
    predictedLagMs,
    missedShare,
    catchUpMs,
    blocked: (measured?.blockedShare ?? 0) >= blockedShareMin,
    inputPerSecond,
    settled: measured?.settled ?? false,
  }
}
