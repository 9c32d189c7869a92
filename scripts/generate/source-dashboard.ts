// One DataSource. Workers know their job only, so which jobs read the source is joined from what the operator tells.
import type { Dashboard } from './grafana.ts'
import { m, o, rate } from './queries.ts'

export const source: Dashboard = {
  uid: 'sluice-source',
  title: 'Sluice / Source',
  description: 'One DataSource that jobs read from: who reads it, how much, and what it answers.',
  variables: [{ name: 'source', label: 'DataSource', metric: o.jobReady }],
  rows: [
    {
      title: 'Who reads it',
      panels: [
        {
          title: 'SyncJobs',
          description: '1 while the job is ready. All at 0 is the source, one of them is the job.',
          unit: 'short',
          queries: [{ expr: `max by (job) (${o.jobReady}{source="$source"})`, legend: '{{job}}' }],
        },
        {
          title: 'Lag by job',
          description: 'Age of the newest change that is visible in the lake, of the split that is worst.',
          unit: 's',
          queries: [{ expr: ofSource(`max by (job) (${m.splitLag})`), legend: '{{job}}' }],
        },
        {
          title: 'Backlog by job',
          description:
            'What is not yet in the lake, in records or bytes. A database keeps its log for as long as one job needs it.',
          unit: 'short',
          queries: [
            {
              expr: ofSource(`sum by (job, unit) (max by (job, split, unit) (${m.splitBacklog}))`),
              legend: '{{job}} ({{unit}})',
            },
          ],
        },
      ],
    },
    {
      title: 'How much',
      panels: [
        {
          title: 'Rows',
          description: 'Rows a second that reach the lake, by job.',
          unit: 'rowsps',
          queries: [{ expr: ofSource(`sum by (job) (${rate(m.rows)})`), legend: '{{job}}' }],
        },
        {
          title: 'Bytes',
          description: 'Bytes of data files committed a second, by job.',
          unit: 'Bps',
          queries: [{ expr: ofSource(`sum by (job) (${rate(m.bytes)})`), legend: '{{job}}' }],
        },
        {
          title: 'Failures and skipped records',
          description: 'A minute, by job and error code. The same code in every job is the source.',
          unit: 'short',
          queries: [
            {
              expr: ofSource(`60 * sum by (job, code) (${rate(m.errors)})`),
              legend: '{{job}} failed: {{code}}',
            },
            {
              expr: ofSource(`60 * sum by (job, code) (${rate(m.badRecords)})`),
              legend: '{{job}} skipped: {{code}}',
            },
          ],
        },
      ],
    },
  ],
}

/** Of what workers tell, which know their job only, that of the jobs which read the chosen source. */
function ofSource(expr: string): string {
  return `${expr} and on (job) ${o.jobReady}{source="$source"}`
}
