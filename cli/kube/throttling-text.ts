// For `explain`: what a job may use at most, and what holds it back where that is known.
import { fieldLines } from './field-text.ts'
import type { JobFacts } from './job-facts.ts'
import { specOf } from './job-view.ts'

export function explainThrottling(facts: JobFacts): string[] {
  const { lanes = 2, bufferSize = '96Mi' } = specOf(facts).worker ?? {}
  const container = facts.deployment?.spec.template.spec?.containers[0]
  const limits = fieldLines(container?.resources?.limits).join(', ')
  return [
    `each worker: ${lanes} ${lanes === 1 ? 'lane' : 'lanes'}, ${bufferSize} of buffers; limits of the pod: ${limits || 'none known'}`,
    ...ofDataSource(facts, 'source'),
    ...ofDataSource(facts, 'target'),
    ...ofStatus(facts.job.status, 'the job'),
  ]
}

/** What a DataSource allows all jobs together, and what the operator says of it. */
function ofDataSource(facts: JobFacts, end: 'source' | 'target'): string[] {
  const found = facts[end]
  if (found === null) return []
  const { limits } = (found.spec as { protection?: { limits?: unknown } } | undefined)?.protection ?? {}
  const name = `DataSource ${found.metadata.name}`
  const lines = fieldLines(limits)
  return [
    lines.length === 0 ? `${name} sets no limits` : `${name} allows all jobs together: ${lines.join(', ')}`,
    ...ofStatus(found.status, name),
  ]
}

/** Newer operators tell there what is shared out; whatever it is, it is shown. */
function ofStatus(status: unknown, of: string): string[] {
  const { limits, throttling } = (status ?? {}) as { limits?: unknown; throttling?: unknown }
  const lines = fieldLines({ limits, throttling })
  return lines.length === 0 ? [] : [`now, of ${of}: ${lines.join(', ')}`]
}
