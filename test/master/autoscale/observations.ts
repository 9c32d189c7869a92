// Observations for tests: a job as it would be measured at one moment.
import type {
  AutoscalingState,
  LaneMeasurement,
  Limits,
  Observation,
  Running,
  SplitMeasurement,
} from '#master/autoscale/model.ts'
import { initialState } from '#master/autoscale/situation.ts'

export const limits: Limits = {
  minReplicas: 1,
  maxReplicas: 8,
  lanesMin: 1,
  lanesMax: 2,
  maxLagMs: 60_000,
  idleAfterMs: null,
}

export const startMs = Date.parse('2026-01-01T00:00:00Z')

/** Knows that a lane does 1,000 records/s, and nothing else. */
export const learned: AutoscalingState = {
  ...initialState,
  capacity: { perSecond: 1000, spread: 0, atMs: startMs - 60_000 },
}

export interface Sketch {
  running?: Partial<Running>
  limits?: Partial<Limits>
  /** Of the splits, in order. They are dealt round over the lanes. */
  input?: readonly number[]
  lagRecords?: number
  lagMs?: number
  blockedShare?: number
  settled?: boolean
  /** How old the measurements are. */
  ageMs?: number
  state?: AutoscalingState | null
  nowMs?: number
  /** Records/s that a lane can do. */
  capacity?: number
}

export function observe(sketch: Sketch = {}): Observation {
  const nowMs = sketch.nowMs ?? startMs
  const running = { replicas: 2, lanes: 2, readyReplicas: sketch.running?.replicas ?? 2, ...sketch.running }
  const input = sketch.input ?? Array.from({ length: 16 }, () => 100)
  const laneCount = Math.max(1, running.readyReplicas * running.lanes)
  const measuredAtMs = nowMs - (sketch.ageMs ?? 0)
  const splits = input.map((inputPerSecond, at): SplitMeasurement => ({
    id: `s${at}`,
    lane: running.replicas === 0 ? null : `lane${at % laneCount}`,
    measuredAtMs,
    inputPerSecond,
    processedPerSecond: inputPerSecond,
    lagRecords: sketch.lagRecords ?? 0,
    lagMs: sketch.lagMs ?? 0,
  }))
  const capacity = sketch.capacity ?? 1000
  const lanes = Array.from({ length: running.replicas === 0 ? 0 : laneCount }, (_, at): LaneMeasurement => {
    const wanted = splits
      .filter(({ lane }) => lane === `lane${at}`)
      .reduce((sum, split) => sum + split.inputPerSecond, 0)
    const behind = (sketch.lagRecords ?? 0) > 0
    const processedPerSecond = behind ? capacity : Math.min(wanted, capacity)
    return {
      id: `lane${at}`,
      measuredAtMs,
      processedPerSecond,
      busyShare: processedPerSecond / capacity,
      blockedShare: sketch.blockedShare ?? 0,
      settled: sketch.settled ?? true,
    }
  })
  return {
    measurements: { splits, lanes },
    running,
    limits: { ...limits, ...sketch.limits },
    state: sketch.state === undefined ? learned : sketch.state,
    nowMs,
  }
}

/** So many splits with the same input each. */
export const even = (splits: number, whole: number): number[] =>
  Array.from({ length: splits }, () => whole / splits)
