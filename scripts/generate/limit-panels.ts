// The rows of the dashboards that show the limits of DataSources: of one job, and over all.
import type { Dashboard } from './grafana.ts'
import { m, o, rate } from './queries.ts'

type Row = Dashboard['rows'][number]

const ofJob = '{job="$job"}'

export const limitsOfSource: Row = {
  title: 'Limits of the source',
  panels: [
    {
      title: 'Read, and what may be read',
      description:
        'Of a DataSource with limits, a second: records, and bytes as its server sends them. Nothing where there are no limits.',
      unit: 'short',
      queries: [
        { expr: `sum by (unit) (${rate(m.sourceRead, ofJob)})`, legend: '{{unit}} read' },
        { expr: `sum by (unit) (${m.sourceRate}${ofJob})`, legend: '{{unit}} allowed' },
      ],
    },
    {
      title: 'Waiting for the limit',
      description: 'Readers that wait because of it, on average. Above 0 the job could read faster.',
      unit: 'short',
      queries: [{ expr: `sum by (unit) (${rate(m.sourceThrottled, ofJob)})`, legend: '{{unit}}' }],
    },
  ],
}

export const heartbeatsOfWorkers: Row = {
  title: 'Workers',
  panels: [
    {
      title: 'Heartbeats',
      description: 'A second, by the status of the answer. 401 and 403 are refused; 503 is a stand-by asked.',
      unit: 'ops',
      queries: [{ expr: `sum by (status) (${rate(o.heartbeats)})`, legend: '{{status}}' }],
    },
    {
      title: 'Limits of DataSources',
      description: 'What may be read of each a second, and what of it workers were given.',
      unit: 'short',
      queries: [
        {
          expr: `max by (namespace, source, unit) (${o.sourceLimit})`,
          legend: '{{namespace}}/{{source}} {{unit}}: limit',
        },
        {
          expr: `max by (namespace, source, unit) (${o.sourceLeased})`,
          legend: '{{namespace}}/{{source}} {{unit}}: given out',
        },
      ],
    },
  ],
}
