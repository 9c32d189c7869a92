// A lane's reports as metrics.
import type { Metrics } from '#common/metrics.ts'
import type { FromLane } from './lane-protocol.ts'

export function observe(
  metrics: Metrics,
  job: { namespace: string; name: string },
  lane: number,
  message: FromLane,
): void {
  const labels = { job: `${job.namespace}/${job.name}` }
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
      return
    case 'bad-record':
      metrics.badRecords.inc({ ...labels, code: message.code })
      return
    default:
  }
}
