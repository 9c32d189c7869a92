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
    ...ofSource(facts),
    ...ofStatus(facts.job.status, 'the job'),
  ]
}

/** Limits are those of reading; each worker keeps to them and says when they hold it back. */
function ofSource({ source, workers }: JobFacts): string[] {
  if (source === null) return []
  const { limits } = (source.spec as { protection?: { limits?: unknown } } | undefined)?.protection ?? {}
  const name = `DataSource ${source.metadata.name}`
  const lines = fieldLines(limits)
  if (lines.length === 0) return [`${name} sets no limits`]
  const told = workers.filter(({ status }) => status !== null)
  const held = told.flatMap(({ pod, status }) =>
    status?.throttledBy
      ? [`${pod.metadata.name} is held back now by the limit of ${status.throttledBy}`]
      : [],
  )
  const free = told.length > 0 && held.length === 0 ? ['no worker is held back by it now'] : []
  return [`${name} limits reading: ${lines.join(', ')}`, ...held, ...free, ...ofStatus(source.status, name)]
}

/** Newer operators tell there what is shared out; whatever it is, it is shown. */
function ofStatus(status: unknown, of: string): string[] {
  const { limits, throttling } = (status ?? {}) as { limits?: unknown; throttling?: unknown }
  const lines = fieldLines({ limits, throttling })
  return lines.length === 0 ? [] : [`now, of ${of}: ${lines.join(', ')}`]
}
