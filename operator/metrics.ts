// What the operator tells about itself at /metrics. Names are stable: dashboards and alerts rely on them, and
// docs/reference/metrics.md is generated from them.
import { createInstruments } from '#common/metrics.ts'
import type { Instruments, MetricDefinition } from '#common/metrics.ts'

export const operatorMetricDefinitions = {
  apiRequests: {
    name: 'sluice_operator_api_requests_total',
    type: 'counter',
    help: 'Calls to the Kubernetes API server; status 0 is no answer.',
    labels: ['method', 'status'],
  },
  reconcileSeconds: {
    name: 'sluice_operator_reconcile_duration_seconds',
    type: 'histogram',
    help: 'Time one reconcile took.',
    labels: ['controller'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  },
  reconcileErrors: {
    name: 'sluice_operator_reconcile_errors_total',
    type: 'counter',
    help: 'Reconciles that failed and will be tried again, by error code.',
    labels: ['controller', 'code'],
  },
  queueDepth: {
    name: 'sluice_operator_queue_depth',
    type: 'gauge',
    help: 'Objects that wait to be reconciled.',
    labels: ['controller'],
  },
  leading: {
    name: 'sluice_operator_leading',
    type: 'gauge',
    help: '1 while this operator leads, 0 while it stands by.',
    labels: [],
  },
  unseenJobs: {
    name: 'sluice_operator_unseen_jobs',
    type: 'gauge',
    help: 'SyncJobs that this operator has still to look at since it leads: 0 once it has taken over. Those that changed or are not ready come first.',
    labels: [],
  },
  watchStaleness: {
    name: 'sluice_operator_watch_staleness_seconds',
    type: 'gauge',
    help: 'Age of the last word from the API server, for the kind that is quiet longest.',
    labels: [],
  },
  heartbeats: {
    name: 'sluice_operator_heartbeats_total',
    type: 'counter',
    help: 'Heartbeats of workers, by the HTTP status they were answered with: 401 and 403 are refused tokens, 503 is told by those that do not lead.',
    labels: ['status'],
  },
  sourceLimit: {
    name: 'sluice_operator_source_limit',
    type: 'gauge',
    help: 'What may be read of a limited DataSource now by all its workers together, in units of the label a second; of queries and connections, how many at a time, without those kept for checks and teardowns.',
    labels: ['namespace', 'source', 'unit'],
  },
  sourceLeased: {
    name: 'sluice_operator_source_leased',
    type: 'gauge',
    help: 'What of it is given out to workers.',
    labels: ['namespace', 'source', 'unit'],
  },
  workerSplits: {
    name: 'sluice_operator_worker_splits',
    type: 'gauge',
    help: 'Splits a worker reads of a SyncJob that may have more than one: partitions, ranges of a snapshot, the log.',
    labels: ['job', 'worker'],
  },
  unreadSplits: {
    name: 'sluice_operator_unread_splits',
    type: 'gauge',
    help: 'Splits of a SyncJob that may have more than one worker which nobody reads: for seconds after a worker is gone or stops. No worker tells the lag of them.',
    labels: ['job'],
  },
  splitsMoved: {
    name: 'sluice_operator_splits_moved_total',
    type: 'counter',
    help: 'Splits that went from one worker of a SyncJob to another since this operator leads: for an even load (balance), from one that stops (leaving), or from one that is gone (takeover).',
    labels: ['job', 'why'],
  },
  scalingDecisions: {
    name: 'sluice_autoscaler_decisions_total',
    type: 'counter',
    help: 'Decisions for another number of workers, by their reason.',
    labels: ['job', 'reason'],
  },
  probes: {
    name: 'sluice_autoscaler_probes_total',
    type: 'counter',
    help: 'Looks at the sources of idle SyncJobs without workers, by how they ended: nothing to read, unread changes, or failed.',
    labels: ['job', 'outcome'],
  },
  scalingDesired: {
    name: 'sluice_autoscaler_desired_replicas',
    type: 'gauge',
    help: 'Worker pods that an autoscaled SyncJob should have.',
    labels: ['job'],
  },
  scalingNeededLanes: {
    name: 'sluice_autoscaler_needed_lanes',
    type: 'gauge',
    help: 'Lanes, over all workers, that the input ahead and the backlog of an autoscaled SyncJob need.',
    labels: ['job'],
  },
  scalingInput: {
    name: 'sluice_autoscaler_input_records_per_second',
    type: 'gauge',
    help: 'Records that arrive at the source of an autoscaled SyncJob.',
    labels: ['job'],
  },
  scalingCapacity: {
    name: 'sluice_autoscaler_lane_capacity_records_per_second',
    type: 'gauge',
    help: 'Records that a lane of an autoscaled SyncJob can be counted on to read.',
    labels: ['job'],
  },
  scalingPredictedLag: {
    name: 'sluice_autoscaler_predicted_lag_seconds',
    type: 'gauge',
    help: 'Lag of an autoscaled SyncJob when another number of workers would be in effect, were nothing done.',
    labels: ['job'],
  },
  jobs: {
    name: 'sluice_operator_jobs',
    type: 'gauge',
    help: 'SyncJobs by the reason of their Ready condition.',
    labels: ['reason'],
  },
  jobReady: {
    name: 'sluice_operator_job_ready',
    type: 'gauge',
    help: '1 while the condition Ready of a SyncJob is True, otherwise 0; with the DataSources at its ends.',
    labels: ['job', 'source', 'target'],
  },
  rolloutsHeld: {
    name: 'sluice_operator_rollouts_held',
    type: 'gauge',
    help: 'SyncJobs whose workers stay as they were because the new ones failed their check, by its reason.',
    labels: ['reason'],
  },
} as const satisfies Record<string, MetricDefinition>

export type OperatorMetrics = Instruments<typeof operatorMetricDefinitions>

export function createOperatorMetrics(): OperatorMetrics {
  return createInstruments(operatorMetricDefinitions)
}
