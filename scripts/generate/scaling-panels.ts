// How a job is shared by its workers, and why it has so many.
import type { Row } from './grafana.ts'
import { o } from './queries.ts'

const ofJob = '{job="$job"}'

const latest = (metric: string, by = 'job'): string => `max by (${by}) (${metric}${ofJob})`

/** Empty for a job with one worker, of which there is nothing to decide or to share. */
export const scalingOfJob: Row = {
  title: 'Workers of a job that may have several',
  panels: [
    {
      title: 'Workers',
      description: 'What the operator decided, and the lanes that the input ahead and the backlog need.',
      unit: 'short',
      queries: [
        { expr: latest(o.scalingDesired), legend: 'workers wanted' },
        { expr: latest(o.scalingNeededLanes), legend: 'lanes needed' },
      ],
    },
    {
      title: 'Input and a lane',
      description: 'Records that arrive at the source, and as many as a lane can be counted on to read.',
      unit: 'short',
      queries: [
        { expr: latest(o.scalingInput), legend: 'input' },
        { expr: latest(o.scalingCapacity), legend: 'a lane' },
      ],
    },
    {
      title: 'Lag ahead',
      description: 'The lag when another number of workers would be in effect, were nothing done.',
      unit: 's',
      queries: [{ expr: latest(o.scalingPredictedLag), legend: 'lag ahead' }],
    },
    {
      title: 'Decisions',
      description: 'Decisions for another number of workers in the last hour, by their reason.',
      unit: 'short',
      queries: [
        { expr: `sum by (reason) (increase(${o.scalingDecisions}${ofJob}[1h]))`, legend: '{{reason}}' },
      ],
    },
    {
      title: 'Looks at the source',
      description:
        'How often in an hour the source was looked at while the job was idle and had no worker, by how that ended.',
      unit: 'short',
      queries: [{ expr: `sum by (outcome) (increase(${o.probes}${ofJob}[1h]))`, legend: '{{outcome}}' }],
    },
    {
      title: 'Splits by worker',
      description: 'Splits that each worker reads, and those that nobody reads at the moment.',
      unit: 'short',
      queries: [
        { expr: latest(o.workerSplits, 'worker'), legend: '{{worker}}' },
        { expr: latest(o.unreadSplits), legend: 'nobody' },
      ],
    },
    {
      title: 'Splits that moved',
      description: 'Splits that went from one worker to another in five minutes, by why.',
      unit: 'short',
      queries: [{ expr: `sum by (why) (increase(${o.splitsMoved}${ofJob}[5m]))`, legend: '{{why}}' }],
    },
  ],
}
