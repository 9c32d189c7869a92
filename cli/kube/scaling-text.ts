// For `explain`: how many workers a job may have, and the operator's last decision about it.
import type { ScalingStatus } from '#api/autoscaling.ts'
import { countText } from '../text-table.ts'
import { fieldLines } from './field-text.ts'
import type { JobFacts } from './job-facts.ts'
import { agoText, specOf } from './job-view.ts'

export function explainScaling(facts: JobFacts): string[] {
  const spec = specOf(facts)
  const { mode = 'Auto', minReplicas = 1, maxReplicas = 1 } = spec.autoscaling ?? {}
  const { replicas = Math.max(1, minReplicas) } = spec
  if (mode === 'Manual')
    return [
      `spec.replicas says ${workers(replicas)}; autoscaling.mode is Manual, so the operator does not decide`,
    ]
  const range =
    minReplicas === maxReplicas ? workers(minReplicas) : `${minReplicas} to ${workers(maxReplicas)}`
  const dry =
    mode === 'DryRun' ? [`autoscaling.mode is DryRun: it has ${workers(replicas)} all the same`] : []
  const decision = facts.job.status?.autoscaling
  return [
    `the job may have ${range}`,
    ...dry,
    ...(decision === undefined ? ['the operator has taken no decision'] : decided(decision, facts.nowMs)),
  ]
}

function decided(decision: ScalingStatus, nowMs: number): string[] {
  const { desiredReplicas, reason, message, lastScaleTime, ...rest } = decision
  const { inputPerSecond, forecastPerSecond, capacityPerLane, neededLanes, lagRecords, ...others } = rest
  const { predictedLag, learned, asleep, ...unknown } = others
  const numbers = [
    numberText('comes in', inputPerSecond, ' records/s'),
    numberText('expected', forecastPerSecond, ' records/s'),
    numberText('a lane reads', capacityPerLane, ' records/s'),
    numberText('lanes needed', neededLanes),
    numberText('not yet in the target', lagRecords, ' records'),
    ...(predictedLag === undefined ? [] : [`lag ahead if nothing were done: ${predictedLag}`]),
    ...(learned === undefined ? [] : [`workers take ${learned.startUp} to start`]),
    ...fieldLines(unknown),
  ]
  return [
    `last decision: ${workers(desiredReplicas)} (${reason})`,
    `  ${message}`,
    ...(asleep === undefined ? [] : [`  the last worker went ${agoText(asleep.since, nowMs)}`]),
    ...numbers.filter(line => line !== null).map(line => `  ${line}`),
    lastScaleTime === undefined
      ? 'the number has not changed since the job began'
      : `the number last changed ${agoText(lastScaleTime, nowMs)}`,
  ]
}

function numberText(what: string, count: number | undefined, unit = ''): string | null {
  return count === undefined ? null : `${what}: ${countText(count)}${unit}`
}

function workers(count: number): string {
  return `${count} ${count === 1 ? 'worker' : 'workers'}`
}
