// docs/reference/metrics.md: every metric a worker or the operator exposes.
import { metricDefinitions, type MetricDefinition } from '#common/metrics.ts'
import { operatorMetricDefinitions } from '#operator/metrics.ts'
import { generatedComment, table } from './markdown.ts'

export function metricReference(): string {
  return `${generatedComment}
# Metrics

Served in the Prometheus text format at \`/metrics\`, with the process metrics of Node besides.

## Worker

${metricTable(Object.values(metricDefinitions))}

## Operator

${metricTable(Object.values(operatorMetricDefinitions))}
`
}

function metricTable(definitions: readonly MetricDefinition[]): string {
  const rows = definitions.map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map(label => `\`${label}\``).join(' '),
    help,
  ])
  return table(['Metric', 'Type', 'Labels', 'Meaning'], rows)
}
