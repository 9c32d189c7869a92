// What the autoscaler is told, what it answers, and what it remembers in between. All of it is plain JSON: the state is
// kept in the status of the SyncJob, so that a new operator goes on where the last one stopped.

/** How many worker pods, and how many threads read in each. */
export interface Size {
  replicas: number
  /** Per replica. */
  lanes: number
}

export interface SplitMeasurement {
  id: string
  /** The lane that reads it, unique within the job; null while it moves from one to another. */
  lane: string | null
  measuredAtMs: number
  /** Records that arrived at the source, mean over the last half minute or so. */
  inputPerSecond: number
  /** Records that were committed, mean over the same time. */
  processedPerSecond: number
  /** Records that are not yet in the target. */
  lagRecords: number
  /** Age of the oldest of them; 0 where there is none. */
  lagMs: number
}

export interface LaneMeasurement {
  id: string
  measuredAtMs: number
  processedPerSecond: number
  /** Share of the time it read, decoded and wrote, 0 to 1. */
  busyShare: number
  /** Share of the time it had rows and waited for the target, or for a limit of the source. */
  blockedShare: number
  /** No split came or went, and it did not start, while this was measured. */
  settled: boolean
}

export interface Measurements {
  splits: readonly SplitMeasurement[]
  lanes: readonly LaneMeasurement[]
}

export interface Running extends Size {
  readyReplicas: number
}

export interface Limits {
  /** 0 where `idleAfterMs` may take the last worker away. */
  minReplicas: number
  maxReplicas: number
  /** What sets `maxReplicas`, where it is not the spec. */
  maximumBy?: 'connections'
  /** Where a pod has them fixed, the same as `lanesMax`. */
  lanesMin: number
  /** What a pod has the cores for. */
  lanesMax: number
  /** Age of the oldest change not yet in the target that is still fine. */
  maxLagMs: number
  /** A job without input for this long runs with `minReplicas`, 0 included; null: never with none. */
  idleAfterMs: number | null
}

export interface Observation {
  measurements: Measurements
  running: Running
  limits: Limits
  /** What the last decision asked to be remembered; null: there was none. */
  state: AutoscalingState | null
  /** Wall clock. */
  nowMs: number
}

export type ScalingReason =
  /** The size is right. */
  | 'Steady'
  /** There is a backlog, and it is gone soon enough with what there is. */
  | 'CatchingUp'
  /** More is needed: with what there is the lag would come near `maxLag`, or stay there. */
  | 'LagAhead'
  /** Less would do, and has for long enough to pay for the change. */
  | 'Surplus'
  /** Less would do, but not yet for long enough. */
  | 'PayBackPending'
  /** More was asked for, and is on its way. */
  | 'Starting'
  /** What there is would do if the splits were dealt anew. */
  | 'Unbalanced'
  /** A single split is more than a lane can read: no size helps. */
  | 'SplitSkew'
  /** The target or a limit of the source is what holds the job up: no size helps. */
  | 'ExternalBottleneck'
  /** The measurements are too old to tell. */
  | 'MetricsStale'
  /** More is needed than `maxReplicas` allows. */
  | 'AtMaximum'
  /** More is needed than the connections of the source are enough for. */
  | 'ConnectionLimit'
  /** Nothing has been read yet, so nobody knows what a lane can do. */
  | 'CapacityUnknown'
  /** A snapshot is copied: as many as its ranges can use. */
  | 'Backfill'
  /** There was no input for `idleAfter`. */
  | 'Idle'
  /** There is input again. */
  | 'Waking'
  /** An idle job is not what it was when it fell asleep. */
  | 'SpecChanged'
  /** Nobody could tell for long whether an idle job has input. */
  | 'SourceUnseen'
  /** The size that runs is not within the limits. */
  | 'OutOfBounds'

/** What a decision rests on; null: not known. */
export interface ScalingNumbers {
  inputPerSecond: number | null
  /** The input when a new size would be in effect. */
  forecastPerSecond: number | null
  capacityPerLane: number | null
  lagRecords: number | null
  lagMs: number | null
  /** The lag when a new size would be in effect, were nothing done now. */
  predictedLagMs: number | null
  /** Lanes that the forecast and the backlog need, over all replicas. */
  neededLanes: number | null
  /** How long a new size takes to be in effect. */
  horizonMs: number
  /** How long a smaller size has to be enough before it is taken. */
  payBackMs: number | null
}

export interface ScalingDecision extends Size {
  reason: ScalingReason
  numbers: ScalingNumbers
  state: AutoscalingState
}

export interface LearnedCapacity {
  /** Of a lane that is busy all the time. */
  perSecond: number
  /** How much lanes differ: standard deviation over mean. */
  spread: number
  atMs: number
}

export interface NeededLanes {
  atMs: number
  /** By the forecast, as if what comes now went on. */
  lanes: number
  /** By the input as it has been for minutes: what counts afterwards, when what came at once is read. */
  lastingLanes: number
}

export interface AutoscalingState {
  capacity: LearnedCapacity | null
  /** How long pods took from being asked for to being ready. */
  startUpMs: number
  /** Input of the whole job over the last minutes, oldest first. */
  input: { atMs: number; perSecond: number }[]
  /** Most lanes that were needed in each of the last minutes, oldest first. */
  needed: NeededLanes[]
  /** The last change of size. */
  lastChange: { atMs: number; from: Size; to: Size; readyAtMs: number | null } | null
  /** The last change to a smaller size, until the lag has told whether it was right. */
  lastShrunkAtMs: number | null
  /** How many times longer than by its cost a smaller size has to be enough: more than 1 where one was taken too early. */
  patience: { factor: number; atMs: number }
  /** Since when there has been neither input nor backlog. */
  idleSinceMs: number | null
}

export const totalLanes = ({ replicas, lanes }: Size): number => replicas * lanes

export const sameSize = (a: Size, b: Size): boolean => a.replicas === b.replicas && a.lanes === b.lanes
