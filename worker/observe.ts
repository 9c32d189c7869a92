// A lane's reports as metrics.
import type { Metrics } from '#common/metrics.ts'
import type { MaintenanceWork } from '#connectors/connector.ts'
import type { FromLane } from './lane-protocol.ts'

/** Takes the reports of the lanes of a job. */
export function observer(
  metrics: Metrics,
  job: { namespace: string; name: string },
): (lane: number, message: FromLane) => void {
  const labels = { job: `${job.namespace}/${job.name}` }
  /** Tables whose services have begun: a later session, or another lane, begins nothing anew. */
  const served = new Set<string>()
  return (lane, message) => {
    if (message.kind !== 'service-begun') return observe(metrics, labels, lane, message)
    if (served.has(message.table)) return
    served.add(message.table)
    metrics.serviceBegun.set({ ...labels, table: message.table }, message.atMs / 1000)
  }
}

function observe(metrics: Metrics, labels: { job: string }, lane: number, message: FromLane): void {
  switch (message.kind) {
    case 'committed': {
      const ofTable = { ...labels, table: message.table }
      metrics.rows.inc(ofTable, message.rows)
      metrics.bytes.inc(ofTable, message.bytes)
      if (message.commit === null) return
      metrics.commits.inc(ofTable)
      metrics.commitSeconds.observe(ofTable, message.durationMs / 1000)
      if (message.freshnessMs !== null) metrics.freshnessSeconds.observe(ofTable, message.freshnessMs / 1000)
      return
    }
    case 'buffered':
      metrics.bufferedBytes.set({ ...labels, lane: String(lane) }, message.bytes)
      return
    case 'backlog':
      metrics.splitBacklog.set({ ...labels, split: message.split, unit: message.unit }, message.amount)
      return
    case 'failed':
      metrics.errors.inc({ ...labels, code: message.failure.code })
      return
    case 'service-failed':
      metrics.errors.inc({ ...labels, code: message.code })
      metrics.serviceFailures.inc({ ...labels, table: message.table, code: message.code })
      return
    case 'service-work':
      observeWork(metrics, { ...labels, table: message.table }, message.work)
      return
    case 'service-round':
      metrics.serviceRound.set({ ...labels, table: message.table }, message.atMs / 1000)
      return
    case 'bad-record':
      metrics.badRecords.inc({ ...labels, code: message.code })
      return
    default:
  }
}

function observeWork(metrics: Metrics, ofTable: { job: string; table: string }, work: MaintenanceWork): void {
  const {
    service,
    rows = 0,
    bytesBefore = 0,
    bytesAfter = 0,
    filesRemoved = 0,
    instants = 0,
    durationMs,
  } = work
  const labels = { ...ofTable, service }
  metrics.serviceRuns.inc(labels)
  metrics.serviceSeconds.inc(labels, durationMs / 1000)
  metrics.serviceRows.inc(labels, rows)
  metrics.serviceBytesBefore.inc(labels, bytesBefore)
  metrics.serviceBytesAfter.inc(labels, bytesAfter)
  metrics.serviceFilesRemoved.inc(labels, filesRemoved)
  metrics.serviceInstants.inc(labels, instants)
}
