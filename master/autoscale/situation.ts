// What is known at the moment of a decision: what was learned, what is expected, and which lanes would be late.
import { dependableCapacity, learnCapacity } from './capacity.ts'
import type { ExpectedSplit, Fit, Terms } from './fit.ts'
import { smallestFitting } from './fit.ts'
import { forecastOf, inputAt, lastingInput, remember } from './forecast.ts'
import type {
  AutoscalingState,
  Measurements,
  Observation,
  ScalingNumbers,
  Size,
  SplitMeasurement,
} from './model.ts'
import type { LanePrediction } from './predict.ts'
import { totalLanes } from './model.ts'
import { predictLanes } from './predict.ts'
import { sizesOf } from './sizes.ts'

/** Older measurements say nothing about now. */
const staleMs = 90_000
/** Time between two decisions, and for the measurements to show something. */
export const reactionMs = 30_000
/** A split is drained, granted anew and read on. */
export const handOverMs = 15_000
/** Share of a lane's capacity that the expected input may take; the rest is for what is not expected. */
export const plannedShare = 0.75
/** The part of `maxLag` that may be used up by what is predicted; the rest is for what is not. */
const lagShare = 0.5

export const initialState: AutoscalingState = {
  capacity: null,
  startUpMs: 60_000,
  input: [],
  needed: [],
  lastChange: null,
  lastShrunkAtMs: null,
  patience: { factor: 1, atMs: 0 },
  idleSinceMs: null,
}

export interface Requirement extends Fit {
  splits: readonly ExpectedSplit[]
  terms: Terms
  /** Lanes for the input as it has been for minutes: what counts afterwards, when what came at once is read. */
  lastingLanes: number
}

export interface Situation {
  state: AutoscalingState
  numbers: ScalingNumbers
  sizes: readonly Size[]
  /** Null where no lane's capacity is known. */
  fit: Requirement | null
  lanes: readonly LanePrediction[]
  /** Those of them whose lag would come too near to `maxLag`, or stay there. */
  late: readonly LanePrediction[]
}

/** Whether the splits' measurements tell how things are: none, some or all of them. */
export function freshness({ splits }: Measurements, nowMs: number): 'none' | 'some' | 'all' {
  const fresh = splits.filter(({ measuredAtMs }) => measuredAtMs > nowMs - staleMs).length
  if (fresh === 0) return 'none'
  return fresh < splits.length ? 'some' : 'all'
}

export function situationOf({
  measurements,
  running,
  limits,
  nowMs,
  ...observation
}: Observation): Situation {
  const { splits, lanes } = measurements
  const state = started(observation.state ?? initialState, running.readyReplicas, nowMs)
  const capacity = learnCapacity(state.capacity, lanes, lateLanes(splits, limits.maxLagMs * lagShare))
  const measuredAtMs = Math.max(...splits.map(split => split.measuredAtMs))
  const inputPerSecond = sum(splits, split => split.inputPerSecond)
  const input = remember(state.input, { atMs: measuredAtMs, perSecond: inputPerSecond })
  const lagRecords = sum(splits, split => split.lagRecords)
  const idle = inputPerSecond === 0 && lagRecords === 0
  const idleSinceMs = idle ? (state.idleSinceMs ?? measuredAtMs) : null
  const sizes = sizesOf(limits, splits.length)
  const horizonMs = horizonOf(state, running, limits.lanesMax, nowMs)
  const forecast = inputAt(forecastOf(input), horizonMs)
  const known = {
    state: { ...state, capacity, input, idleSinceMs },
    sizes,
  }
  const numbers: ScalingNumbers = {
    inputPerSecond,
    forecastPerSecond: forecast,
    capacityPerLane: capacity && dependableCapacity(capacity),
    lagRecords,
    lagMs: Math.max(...splits.map(split => split.lagMs)),
    predictedLagMs: null,
    neededLanes: null,
    horizonMs,
    payBackMs: null,
  }
  if (capacity === null) return { ...known, numbers, fit: null, lanes: [], late: [] }
  const capacityPerSecond = dependableCapacity(capacity)
  const growth = inputPerSecond === 0 ? 1 : forecast / inputPerSecond
  const predicted = predictLanes(measurements, { growth, capacityPerSecond: capacity.perSecond, horizonMs })
  const catchUpMs = Math.max(limits.maxLagMs, horizonMs)
  const late = predicted.filter(
    lane => lane.predictedLagMs > limits.maxLagMs * lagShare && lane.catchUpMs > catchUpMs,
  )
  const terms = { capacityPerSecond, plannedShare, catchUpMs }
  const loads = expectedSplits(splits, predicted, growth, horizonMs)
  const fit = smallestFitting(sizes, loads, terms)
  const lasting = inputPerSecond === 0 ? 1 : lastingInput(input) / inputPerSecond
  const lastingLanes = totalLanes(smallestFitting(sizes, expectedSplits(splits, [], lasting, 0), terms).size)
  return {
    ...known,
    numbers: {
      ...numbers,
      predictedLagMs: Math.max(0, ...predicted.map(({ predictedLagMs }) => predictedLagMs)),
      neededLanes: fit.size.replicas * fit.size.lanes,
    },
    fit: { ...fit, splits: loads, terms, lastingLanes },
    lanes: predicted,
    late,
  }
}

/** The splits when a new size would be in effect; what their lanes do not get to until then is backlog. */
function expectedSplits(
  splits: readonly SplitMeasurement[],
  lanes: readonly LanePrediction[],
  growth: number,
  horizonMs: number,
): ExpectedSplit[] {
  const missed = new Map(lanes.map(({ lane, missedShare }) => [lane, missedShare]))
  return splits.map(split => {
    const inputPerSecond = split.inputPerSecond * growth
    const missedPerSecond = inputPerSecond * (missed.get(split.lane ?? '') ?? 0)
    return { inputPerSecond, backlog: split.lagRecords + (missedPerSecond * horizonMs) / 1000 }
  })
}

function lateLanes(splits: readonly SplitMeasurement[], fromMs: number): ReadonlySet<string> {
  return new Set(splits.flatMap(({ lane, lagMs }) => (lane !== null && lagMs >= fromMs ? [lane] : [])))
}

/** Learns how long pods take to start, from those that just did. */
function started(state: AutoscalingState, readyReplicas: number, nowMs: number): AutoscalingState {
  const change = state.lastChange
  if (change === null || change.readyAtMs !== null || readyReplicas < change.to.replicas) return state
  const lastChange = { ...change, readyAtMs: nowMs }
  if (change.to.replicas <= change.from.replicas) return { ...state, lastChange }
  const tookMs = nowMs - change.atMs
  return { ...state, lastChange, startUpMs: state.startUpMs + 0.3 * (tookMs - state.startUpMs) }
}

/** Time until a new size would be in effect; where one is on its way, until that is. */
function horizonOf(
  { startUpMs, lastChange }: AutoscalingState,
  running: Observation['running'],
  lanesMax: number,
  nowMs: number,
): number {
  if (running.readyReplicas < running.replicas && lastChange !== null)
    return handOverMs + Math.max(reactionMs, lastChange.atMs + startUpMs - nowMs)
  return reactionMs + handOverMs + (running.lanes < lanesMax ? 0 : startUpMs)
}

function sum(splits: readonly SplitMeasurement[], of: (split: SplitMeasurement) => number): number {
  return splits.reduce((total, split) => total + of(split), 0)
}
