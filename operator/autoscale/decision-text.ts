// A decision in words and numbers, for `kubectl describe` and events.
import { formatDuration } from '#api/duration.ts'
import type { Limits, ScalingDecision, ScalingReason } from '#master/autoscale/model.ts'
import { coarseLag } from '../sync-job/status.ts'
import { coarse } from './memory.ts'

const sentences: Record<ScalingReason, string> = {
  Steady: 'The number of workers is right.',
  CatchingUp: 'There is a backlog, and these workers are done with it soon enough.',
  LagAhead: 'With fewer workers the lag would come near maxLag, or stay there.',
  Surplus: 'Fewer workers would have been enough for long enough to pay for the change.',
  PayBackPending: 'Fewer workers would do, but not yet for long enough to pay for the change.',
  Starting: 'More workers were asked for and are on their way.',
  Unbalanced: 'These workers would do if the splits were dealt anew.',
  SplitSkew: 'A single split is more than a lane can read: more workers would not help.',
  ExternalBottleneck: 'The target or a limit of the source holds the job up: more workers would not help.',
  MetricsStale: 'What the workers measured is too old to decide by, or there is nothing.',
  AtMaximum: 'More workers are needed than maxReplicas allows.',
  ConnectionLimit:
    'The connections that its source may have (protection.limits) are enough for no more workers: they would only wait.',
  CapacityUnknown: 'Nothing was read yet, so nobody knows what a lane can do.',
  Backfill: 'A snapshot is copied, by as many workers as its ranges can use.',
  Idle: 'There was no input for long, and all is in the target.',
  Waking: 'There is something to read again.',
  SpecChanged: 'An idle job was changed.',
  SourceUnseen: 'Whether an idle job has something to read could not be told for long.',
  OutOfBounds: 'minReplicas or maxReplicas ask for another number of workers.',
}

/** Why an idle job has a worker again. @param what a sentence */
export function wakeText(reason: ScalingReason, what: string): string {
  return `${sentences[reason]} ${what}`
}

/** Numbers are coarse: the same situation has to give the same text. */
export function decisionText(
  { reason, replicas, lanes, numbers }: Omit<ScalingDecision, 'state'>,
  { maxLagMs, maxReplicas }: Limits,
): string {
  const { inputPerSecond, forecastPerSecond, capacityPerLane, neededLanes, predictedLagMs, payBackMs } =
    numbers
  if (inputPerSecond === null) return sentences[reason]
  const more = forecastPerSecond !== null && coarse(forecastPerSecond) > coarse(inputPerSecond)
  const parts = [
    ...(reason === 'ConnectionLimit' ? [`connections for ${maxReplicas} of its workers`] : []),
    `${countText(inputPerSecond)} records/s come in${more ? `, ${countText(forecastPerSecond)} are expected` : ''}`,
    ...(capacityPerLane === null ? [] : [`a lane can be counted on for ${countText(capacityPerLane)}`]),
    ...(neededLanes === null
      ? []
      : [`${neededLanes} of ${replicas * lanes} ${replicas * lanes === 1 ? 'lane' : 'lanes'} needed`]),
    ...(predictedLagMs === null
      ? []
      : [`lag ahead ${coarseLag(predictedLagMs)}, maxLag ${formatDuration(maxLagMs)}`]),
    ...(payBackMs === null || payBackMs === Infinity
      ? []
      : [`fewer pay after ${formatDuration(Math.ceil(payBackMs / 60_000) * 60_000)}`]),
  ]
  return `${sentences[reason]} ${parts.join('; ')}.`
}

function countText(count: number): string {
  return coarse(count).toLocaleString('en')
}
