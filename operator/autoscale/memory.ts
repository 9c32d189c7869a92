// What an operator that takes over has to know of an autoscaled job: a few numbers in its status. The input and the need of
// the last minutes are not among them, since they would be a write a minute for every job; so after a change of
// operators a smaller size waits for its whole time again.
import type { ScalingStatus } from '#api/autoscaling.ts'
import { formatDuration, parseDuration } from '#api/duration.ts'
import type { AutoscalingState } from '#master/autoscale/model.ts'
import { initialState } from '#master/autoscale/situation.ts'
import { metaTime } from '../kube/conditions.ts'

/** A source that could not be looked at is left to a worker for so long. */
export const unseenHoldMs = 3_600_000

type SourceUnseen = NonNullable<ScalingStatus['sourceUnseen']>

type Learned = NonNullable<ScalingStatus['learned']>

/** Undefined as long as nothing is learned. */
export function learnedOf({
  capacity,
  startUpMs,
  patience,
  lastShrunkAtMs,
}: AutoscalingState): Learned | undefined {
  if (capacity === null) return undefined
  const isPatient = patience.factor > 1
  return {
    capacityPerLane: coarse(capacity.perSecond),
    spreadPercent: Math.round(capacity.spread * 10) * 10,
    startUp: formatDuration(Math.max(1, Math.round(startUpMs / 5_000)) * 5_000),
    patiencePercent: Math.round(patience.factor * 100),
    ...(isPatient && { patienceTime: metaTime(patience.atMs) }),
    ...(lastShrunkAtMs !== null && { lastShrinkTime: metaTime(lastShrunkAtMs) }),
  }
}

/** Null where nothing was learned. */
export function stateOf(status: ScalingStatus | undefined, nowMs: number): AutoscalingState | null {
  const { learned } = status ?? {}
  if (learned === undefined) return null
  const { capacityPerLane, spreadPercent, startUp, patiencePercent, patienceTime, lastShrinkTime } = learned
  return {
    ...initialState,
    capacity: { perSecond: capacityPerLane, spread: spreadPercent / 100, atMs: nowMs },
    startUpMs: parseDuration(startUp),
    patience: {
      factor: patiencePercent / 100,
      atMs: patienceTime === undefined ? nowMs : Date.parse(patienceTime),
    },
    lastShrunkAtMs: lastShrinkTime === undefined ? null : Date.parse(lastShrinkTime),
  }
}

/** Of a job that gets a worker because its source could not be looked at. */
export function unseenFrom(nowMs: number, message: string): SourceUnseen {
  return { until: metaTime(nowMs + unseenHoldMs), message }
}

/** While it holds. */
export function unseenOf(status: ScalingStatus | undefined, nowMs: number): SourceUnseen | undefined {
  const { sourceUnseen } = status ?? {}
  return sourceUnseen !== undefined && nowMs < Date.parse(sourceUnseen.until) ? sourceUnseen : undefined
}

/** To two digits: what a person would not act on is no reason to write a status. */
export function coarse(count: number): number {
  return Math.round(Number(count.toPrecision(2)))
}
