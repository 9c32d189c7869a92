// docs/reference/metrics.md: every metric a worker or the operator exposes.
import { metricDefinitions, type MetricDefinition } from '#common/metrics.ts'
import { generatedComment, table } from './markdown.ts'

export function metricReference(): string {
  const rows = (Object.values(metricDefinitions) as MetricDefinition[]).map(
    ({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map(label => `\`${label}\``).join(' '),
      help,
    ],
  )
  return `${generatedComment}
# Metrics

Served in the Prometheus text format at \`/metrics\`.

${table(['Metric', 'Type', 'Labels', 'Meaning'], rows)}
`
}
