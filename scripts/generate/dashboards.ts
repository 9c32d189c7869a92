// helm/sluice/dashboards: the Grafana dashboards that the chart ships. Written here rather than in Grafana, so that
// a metric that is renamed does not leave an empty panel behind: names come from the definitions.
import { grafanaJson } from './grafana.ts'
import type { Dashboard, Panel, Variable } from './grafana.ts'
import { heartbeatsOfWorkers, limitsOfSource } from './limit-panels.ts'
import { m, o, quantile, rate } from './queries.ts'
import { scalingOfJob } from './scaling-panels.ts'
import { source } from './source-dashboard.ts'

/** The label that the chart's PodMonitor gives to what it scrapes of workers: the SyncJob. */
const workers = '{sluice_dev_job!=""}'
/** File name -> JSON. */
export function dashboardFiles(): Map<string, string> {
  return new Map(
    Object.entries({ fleet, job, source, operator, 'table-services': tableServices }).map(
      ([name, dashboard]) => [`${name}.json`, grafanaJson(dashboard)],
    ),
  )
}

const fleet: Dashboard = {
  uid: 'sluice-fleet',
  title: 'Sluice / Fleet',
  description: 'Every SyncJob: is all well, and if not, which one to look at.',
  variables: [],
  rows: [
    {
      title: 'Is all well?',
      panels: [
        {
          title: 'SyncJobs by state',
          description:
            'Reason of the condition Ready. Streaming, Snapshotting and Idle are well; codes are in the error reference.',
          unit: 'short',
          queries: [{ expr: `sum by (reason) (${o.jobs})`, legend: '{{reason}}' }],
        },
        {
          title: 'Held rollouts',
          description:
            'SyncJobs whose workers stay as they were because what they should be failed its check, by its reason.',
          unit: 'short',
          queries: [{ expr: `sum by (reason) (${o.rolloutsHeld})`, legend: '{{reason}}' }],
        },
        {
          title: 'Furthest behind',
          description: 'The ten jobs with the greatest lag.',
          unit: 's',
          queries: [{ expr: `topk(10, max by (job) (${m.splitLag}))`, legend: '{{job}}' }],
        },
        {
          title: 'Failures',
          description: 'By job and error code, a minute. They are tried again.',
          unit: 'short',
          queries: [{ expr: `60 * sum by (job, code) (${rate(m.errors)}) > 0`, legend: '{{job}} {{code}}' }],
        },
      ],
    },
    {
      title: 'Work',
      panels: [
        perJob('Rows', 'Rows committed a second.', 'rowsps', m.rows),
        perJob('Bytes', 'Bytes of data files committed a second.', 'Bps', m.bytes),
        {
          title: 'Freshness',
          description: 'From the commit at the source to the commit in the lake, over all jobs.',
          unit: 's',
          queries: [0.5, 0.99].map(q => ({
            expr: quantile(q, m.freshnessSeconds, ''),
            legend: `p${q * 100}`,
          })),
        },
        {
          title: 'Records skipped',
          description: 'By job and code, a minute: what badRecords leaves out of the lake.',
          unit: 'short',
          queries: [
            { expr: `60 * sum by (job, code) (${rate(m.badRecords)}) > 0`, legend: '{{job}} {{code}}' },
          ],
        },
        ...processPanels(workers, '{{namespace}}/{{pod}}'),
      ],
    },
  ],
}

const chosenJob: Variable = { name: 'job', label: 'SyncJob', metric: m.splitLag }
const ofJob = '{job="$job"}'

const job: Dashboard = {
  uid: 'sluice-job',
  title: 'Sluice / Job',
  description: 'One SyncJob: how far behind it is, and what holds it.',
  variables: [chosenJob],
  rows: [
    {
      title: 'How far behind',
      panels: [
        {
          title: 'Lag by split',
          description:
            'Age of the newest change that is visible in the lake; 0 when caught up. The twenty worst.',
          unit: 's',
          queries: [{ expr: `topk(20, max by (split) (${m.splitLag}${ofJob}))`, legend: '{{split}}' }],
        },
        {
          title: 'Backlog by split',
          description:
            'What is not yet in the lake, in records or bytes. One split alone that grows is skew.',
          unit: 'short',
          queries: [
            {
              expr: `topk(20, max by (split, unit) (${m.splitBacklog}${ofJob}))`,
              legend: '{{split}} ({{unit}})',
            },
          ],
        },
        {
          title: 'Freshness',
          description: 'From the commit at the source to the commit in the lake.',
          unit: 's',
          queries: [0.5, 0.99].map(q => ({
            expr: quantile(q, m.freshnessSeconds, '', ofJob),
            legend: `p${q * 100}`,
          })),
        },
      ],
    },
    limitsOfSource,
    {
      title: 'Commits',
      panels: [
        perTable('Rows', 'Rows committed a second, by table.', 'rowsps', m.rows),
        perTable('Bytes', 'Bytes of data files committed a second, by table.', 'Bps', m.bytes),
        perTable('Commits', 'Commits a second, by table.', 'ops', m.commits),
        {
          title: 'Time of a commit',
          description:
            'p99, from the start of writing files. When it grows: the object storage, or a big table service.',
          unit: 's',
          queries: [{ expr: quantile(0.99, m.commitSeconds, ', table', ofJob), legend: '{{table}}' }],
        },
        {
          title: 'Waiting in memory',
          description:
            'Decoded changes that wait to be written, by lane. At its bound the target is what is slow.',
          unit: 'bytes',
          queries: [{ expr: `max by (lane) (${m.bufferedBytes}${ofJob})`, legend: 'lane {{lane}}' }],
        },
        {
          title: 'Failures and skipped records',
          description: 'A minute, by error code.',
          unit: 'short',
          queries: [
            { expr: `60 * sum by (code) (${rate(m.errors, ofJob)})`, legend: 'failed: {{code}}' },
            { expr: `60 * sum by (code) (${rate(m.badRecords, ofJob)})`, legend: 'skipped: {{code}}' },
          ],
        },
      ],
    },
    scalingOfJob,
  ],
}

const operator: Dashboard = {
  uid: 'sluice-operator',
  title: 'Sluice / Operator',
  description: 'Whether the operator leads, hears the API server, and keeps up.',
  variables: [],
  rows: [
    {
      title: 'Control',
      panels: [
        {
          title: 'Leader',
          description: 'Exactly one pod shows 1.',
          unit: 'short',
          queries: [{ expr: o.leading, legend: '{{pod}}' }],
        },
        {
          title: 'Age of the last word',
          description:
            'From the API server, for the kind that is quiet longest. A bookmark comes about every minute.',
          unit: 's',
          queries: [{ expr: o.watchStaleness, legend: '{{pod}}' }],
        },
        {
          title: 'Waiting',
          description: 'Objects that wait to be reconciled.',
          unit: 'short',
          queries: [{ expr: `max by (controller) (${o.queueDepth})`, legend: '{{controller}}' }],
        },
        {
          title: 'Still to look at',
          description: 'SyncJobs since a new operator leads. It has taken over when there is none.',
          unit: 'short',
          queries: [{ expr: o.unseenJobs, legend: '{{pod}}' }],
        },
        {
          title: 'Time of a reconcile',
          description: 'p99, by controller.',
          unit: 's',
          queries: [{ expr: quantile(0.99, o.reconcileSeconds, ', controller'), legend: '{{controller}}' }],
        },
        {
          title: 'Failed reconciles',
          description: 'A minute, by code. They are tried again.',
          unit: 'short',
          queries: [
            {
              expr: `60 * sum by (controller, code) (${rate(o.reconcileErrors)})`,
              legend: '{{controller}} {{code}}',
            },
          ],
        },
        {
          title: 'Calls to the API server',
          description: 'A second, by status; 0 is no answer.',
          unit: 'reqps',
          queries: [
            { expr: `sum by (method, status) (${rate(o.apiRequests)})`, legend: '{{method}} {{status}}' },
          ],
        },
      ],
    },
    heartbeatsOfWorkers,
    {
      title: 'Process',
      panels: processPanels(`and on (instance) ${o.leading}`, '{{pod}}'),
    },
  ],
}

const tableServices: Dashboard = {
  uid: 'sluice-table-services',
  title: 'Sluice / Table services',
  description: 'Compaction, clustering, cleaning and archiving of the tables of the lake.',
  variables: [{ name: 'job', label: 'SyncJob', metric: m.rows, includeAll: true }],
  rows: [
    {
      title: 'Do they keep up?',
      panels: [
        {
          title: 'Since the last round',
          description:
            'Time since all that was due for a table was done, or since a worker began to look after it. The twenty longest.',
          unit: 's',
          queries: [
            {
              expr: `topk(20, time() - (max by (job, table) (${m.serviceRound}${ofJobs()}) or min by (job, table) (${m.serviceBegun}${ofJobs()})))`,
              legend: '{{job}} {{table}}',
            },
          ],
        },
        {
          title: 'Failed rounds',
          description: 'An hour, by error code. They are tried again; syncing goes on.',
          unit: 'short',
          queries: [
            {
              expr: `3600 * sum by (job, table, code) (${rate(m.serviceFailures, ofJobs())}) > 0`,
              legend: '{{job}} {{table}} {{code}}',
            },
          ],
        },
        service('Pieces of work', 'An hour, by service.', 'short', `3600 * ${sumBy(m.serviceRuns)}`),
      ],
    },
    {
      title: 'What they cost and do',
      panels: [
        service('Time', 'Seconds of work a second, by service.', 'percentunit', sumBy(m.serviceSeconds)),
        service('Rows written anew', 'A second, by service.', 'rowsps', sumBy(m.serviceRows)),
        service(
          'Bytes taken in',
          'Bytes of files merged, put together or removed.',
          'Bps',
          sumBy(m.serviceBytesBefore),
        ),
        service(
          'Bytes written',
          'Bytes of the files that took their place.',
          'Bps',
          sumBy(m.serviceBytesAfter),
        ),
        service('Files removed', 'Data files a second.', 'short', sumBy(m.serviceFilesRemoved)),
        {
          title: 'Write amplification',
          description: 'Bytes written by table services for each byte committed.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (job) (${rate(m.serviceBytesAfter, ofJobs())}) / sum by (job) (${rate(m.bytes, ofJobs())})`,
              legend: '{{job}}',
            },
          ],
        },
        service(
          'Instants archived',
          'Instants a second that left a timeline for its history.',
          'short',
          sumBy(m.serviceInstants),
        ),
      ],
    },
  ],
}

function ofJobs(): string {
  return '{job=~"$job"}'
}

function sumBy(metric: string): string {
  return `sum by (service) (${rate(metric, ofJobs())})`
}

function service(title: string, description: string, unit: string, expr: string): Panel {
  return { title, description, unit, queries: [{ expr, legend: '{{service}}' }] }
}

function perJob(title: string, description: string, unit: string, metric: string): Panel {
  return {
    title,
    description,
    unit,
    queries: [{ expr: `sum by (job) (${rate(metric)})`, legend: '{{job}}' }],
  }
}

function perTable(title: string, description: string, unit: string, metric: string): Panel {
  const expr = `sum by (table) (${rate(metric, ofJob)})`
  return { title, description, unit, queries: [{ expr, legend: '{{table}}' }] }
}

/** Of processes that `which` selects: a label filter, or a join. */
function processPanels(which: string, legend: string): Panel[] {
  return [
    {
      title: 'Memory',
      description: 'Resident memory. Close to the limit of the pod it will be killed.',
      unit: 'bytes',
      queries: [{ expr: `process_resident_memory_bytes ${which}`, legend }],
    },
    {
      title: 'CPU',
      description: 'Cores in use.',
      unit: 'short',
      queries: [{ expr: cpu(which), legend }],
    },
    {
      title: 'Event loop',
      description: 'p99 of the wait of the main thread for its turn. Seconds mean too little CPU.',
      unit: 's',
      queries: [{ expr: `nodejs_eventloop_lag_p99_seconds ${which}`, legend }],
    },
  ]
}

function cpu(which: string): string {
  const metric = 'process_cpu_seconds_total'
  return which.startsWith('{') ? rate(metric, which) : `${rate(metric)} ${which}`
}
