// Brings the gauges that are about autoscaled SyncJobs up to date with the last decisions.
import type { ScalingDecision } from '#master/autoscale/model.ts'
import type { OperatorMetrics } from '../metrics.ts'

export function observeScaling(
  decisions: Iterable<[job: string, decision: ScalingDecision]>,
  metrics: Pick<
    OperatorMetrics,
    'scalingDesired' | 'scalingNeededLanes' | 'scalingInput' | 'scalingCapacity' | 'scalingPredictedLag'
  >,
): void {
  const { scalingDesired, scalingNeededLanes, scalingInput, scalingCapacity, scalingPredictedLag } = metrics
  for (const gauge of [
    scalingDesired,
    scalingNeededLanes,
    scalingInput,
    scalingCapacity,
    scalingPredictedLag,
  ])
    gauge.reset()
  for (const [job, { replicas, numbers }] of decisions) {
    const { neededLanes, inputPerSecond, capacityPerLane, predictedLagMs } = numbers
    scalingDesired.set({ job }, replicas)
    if (neededLanes !== null) scalingNeededLanes.set({ job }, neededLanes)
    if (inputPerSecond !== null) scalingInput.set({ job }, inputPerSecond)
    if (capacityPerLane !== null) scalingCapacity.set({ job }, capacityPerLane)
    if (predictedLagMs !== null) scalingPredictedLag.set({ job }, predictedLagMs / 1000)
  }
}
