// For `explain`: how many workers a job may have, and the operator's last decision about it.
import { fieldLines } from './field-text.ts'
import type { JobFacts } from './job-facts.ts'
import { specOf } from './job-view.ts'

export function explainScaling(facts: JobFacts): string[] {
  const { minReplicas = 1, maxReplicas = 1 } = specOf(facts).autoscaling ?? {}
  const range = minReplicas === maxReplicas ? `${minReplicas}` : `${minReplicas} to ${maxReplicas}`
  const decision = (facts.job.status as { autoscaling?: unknown } | undefined)?.autoscaling
  return [
    `the job may have ${range} ${range === '1' ? 'worker' : 'workers'}`,
    ...(decision === undefined
      ? ['the operator has taken no decision']
      : ['last decision:', ...fieldLines(decision).map(line => `  ${line}`)]),
  ]
}
