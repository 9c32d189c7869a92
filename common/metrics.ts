// Every metric of a worker, defined once: the registry is made from this list, docs/reference/metrics.md is
// generated from it, and dashboards and alerts may rely on the names.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export interface MetricDefinition {
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  labels: readonly string[]
  /** Upper bounds of a histogram's buckets. */
  buckets?: readonly number[]
}

export const metricDefinitions = {
  rows: {
    name: 'sluice_rows_total',
    type: 'counter',
    help: 'Rows committed to the target.',
    labels: ['job', 'table'],
  },
  bytes: {
    name: 'sluice_committed_bytes_total',
    type: 'counter',
    help: 'Bytes of data files committed to the target.',
    labels: ['job', 'table'],
  },
  commits: {
    name: 'sluice_commits_total',
    type: 'counter',
    help: 'Commits that made rows visible.',
    labels: ['job', 'table'],
  },
  commitSeconds: {
    name: 'sluice_commit_duration_seconds',
    type: 'histogram',
    help: 'From the start of writing files to the commit being visible.',
    labels: ['job', 'table'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  freshnessSeconds: {
    name: 'sluice_freshness_seconds',
    type: 'histogram',
    help: 'Age of the oldest-waiting newest change when it became visible: commit at the source to commit in the target.',
    labels: ['job', 'table'],
    buckets: [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300],
  },
  splitLag: {
    name: 'sluice_split_lag_seconds',
    type: 'gauge',
    help: 'Age of the newest change of a split that is visible in the target; 0 when it is caught up.',
    labels: ['job', 'split'],
  },
  splitBacklog: {
    name: 'sluice_split_backlog',
    type: 'gauge',
    help: 'What lies between the committed position and the end of the split, in the unit of the label.',
    labels: ['job', 'split', 'unit'],
  },
  sourceRate: {
    name: 'sluice_source_rate',
    type: 'gauge',
    help: 'What the worker may read of a limited DataSource now, in units of the label a second; of queries and connections, how many at a time.',
    labels: ['job', 'source', 'unit'],
  },
  sourceRead: {
    name: 'sluice_source_read_total',
    type: 'counter',
    help: 'What was read of a limited DataSource, in units of the label: records, bytes as the server sent them, and queries that were begun and connections that were made.',
    labels: ['job', 'source', 'unit'],
  },
  sourceThrottled: {
    name: 'sluice_source_throttled_seconds_total',
    type: 'counter',
    help: 'Time readers waited because of the limit of their DataSource, added up over the readers of the worker.',
    labels: ['job', 'source', 'unit'],
  },
  errors: {
    name: 'sluice_errors_total',
    type: 'counter',
    help: 'Failures that stopped a lane, by error code.',
    labels: ['job', 'code'],
  },
  badRecords: {
    name: 'sluice_bad_records_total',
    type: 'counter',
    help: 'Records that could not be decoded and were skipped by policy.',
    labels: ['job', 'code'],
  },
  bufferedBytes: {
    name: 'sluice_buffered_bytes',
    type: 'gauge',
    help: 'Bytes of decoded changes waiting to be written, per lane.',
    labels: ['job', 'lane'],
  },
  serviceRuns: {
    name: 'sluice_table_service_runs_total',
    type: 'counter',
    help: 'Pieces of work of table services that were done: compactions, clusterings, cleanings.',
    labels: ['job', 'table', 'service'],
  },
  serviceSeconds: {
    name: 'sluice_table_service_seconds_total',
    type: 'counter',
    help: 'Time table services took, beside the writers of the same lane.',
    labels: ['job', 'table', 'service'],
  },
  serviceRows: {
    name: 'sluice_table_service_rows_total',
    type: 'counter',
    help: 'Rows that table services wrote anew.',
    labels: ['job', 'table', 'service'],
  },
  serviceBytesBefore: {
    name: 'sluice_table_service_bytes_before_total',
    type: 'counter',
    help: 'Bytes of the files that table services merged, put together or removed.',
    labels: ['job', 'table', 'service'],
  },
  serviceBytesAfter: {
    name: 'sluice_table_service_bytes_after_total',
    type: 'counter',
    help: 'Bytes of the files that took their place.',
    labels: ['job', 'table', 'service'],
  },
  serviceFilesRemoved: {
    name: 'sluice_table_service_files_removed_total',
    type: 'counter',
    help: 'Data files that table services removed.',
    labels: ['job', 'table', 'service'],
  },
  serviceInstants: {
    name: 'sluice_table_service_instants_total',
    type: 'counter',
    help: 'Instants that left the timeline of a table, for its history.',
    labels: ['job', 'table', 'service'],
  },
  serviceRound: {
    name: 'sluice_table_service_last_round_timestamp_seconds',
    type: 'gauge',
    help: 'When this worker last did all that was due for a table; the workers of a job take turns.',
    labels: ['job', 'table'],
  },
  serviceBegun: {
    name: 'sluice_table_service_begun_timestamp_seconds',
    type: 'gauge',
    help: 'When this worker began to look after a table: what counts where no worker has come round yet.',
    labels: ['job', 'table'],
  },
  serviceFailures: {
    name: 'sluice_table_service_failures_total',
    type: 'counter',
    help: 'Rounds of table services that failed, by error code. They are tried again; syncing goes on.',
    labels: ['job', 'table', 'code'],
  },
} as const satisfies Record<string, MetricDefinition>

type Definitions = Readonly<Record<string, MetricDefinition>>

type Instrument<D extends MetricDefinition> = D['type'] extends 'counter'
  ? Counter<D['labels'][number]>
  : D['type'] extends 'gauge'
    ? Gauge<D['labels'][number]>
    : Histogram<D['labels'][number]>

/** One instrument for each definition, under its key. */
export type Instruments<D extends Definitions> = { readonly [N in keyof D]: Instrument<D[N]> } & {
  /** Exposition text of everything, process metrics included. */
  expose(): Promise<string>
  readonly contentType: string
}

export type Metrics = Instruments<typeof metricDefinitions>

/** The metrics of a worker, in a fresh registry. */
export function createMetrics(): Metrics {
  return createInstruments(metricDefinitions)
}

/** Makes a fresh registry with every defined metric and Node's process metrics. */
export function createInstruments<D extends Definitions>(definitions: D): Instruments<D> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const instruments = Object.fromEntries(
    Object.entries(definitions).map(([key, definition]) => [key, instrument(definition, registry)]),
  )
  return {
    ...instruments,
    expose: () => registry.metrics(),
    contentType: registry.contentType,
  } as unknown as Instruments<D>
}

function instrument(definition: MetricDefinition, registry: Registry): Counter | Gauge | Histogram {
  const { name, help } = definition
  const options = { name, help, labelNames: [...definition.labels], registers: [registry] }
  if (definition.type === 'counter') return new Counter(options)
  if (definition.type === 'gauge') return new Gauge(options)
  return new Histogram({ ...options, ...(definition.buckets ? { buckets: [...definition.buckets] } : {}) })
}
