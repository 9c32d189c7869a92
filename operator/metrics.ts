// What the operator tells about itself at /metrics. Names are stable: dashboards and alerts rely on them.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export interface OperatorMetrics {
  apiRequests: Counter<'method' | 'status'>
  reconcileSeconds: Histogram<'controller'>
  reconcileErrors: Counter<'controller' | 'code'>
  queueDepth: Gauge<'controller'>
  leading: Gauge
  watchStaleness: Gauge
  jobs: Gauge<'reason'>
  /** Text of everything, process metrics included. */
  expose(): Promise<string>
  readonly contentType: string
}

export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    apiRequests: new Counter({
      name: 'sluice_operator_api_requests_total',
      help: 'Calls to the Kubernetes API server; status 0 is no answer.',
      labelNames: ['method', 'status'],
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: 'sluice_operator_reconcile_duration_seconds',
      help: 'Time one reconcile took.',
      labelNames: ['controller'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    }),
    reconcileErrors: new Counter({
      name: 'sluice_operator_reconcile_errors_total',
      help: 'Reconciles that failed and will be tried again, by error code.',
      labelNames: ['controller', 'code'],
      registers,
    }),
    queueDepth: new Gauge({
      name: 'sluice_operator_queue_depth',
      help: 'Objects that wait to be reconciled.',
      labelNames: ['controller'],
      registers,
    }),
    leading: new Gauge({
      name: 'sluice_operator_leading',
      help: '1 while this operator leads, 0 while it stands by.',
      registers,
    }),
    watchStaleness: new Gauge({
      name: 'sluice_operator_watch_staleness_seconds',
      help: 'Age of the last word from the API server, for the kind that is quiet longest.',
      registers,
    }),
    jobs: new Gauge({
      name: 'sluice_operator_jobs',
      help: 'SyncJobs by the reason of their Ready condition.',
      labelNames: ['reason'],
      registers,
    }),
    expose: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
