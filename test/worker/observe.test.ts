import { expect } from 'chai'
import { createMetrics } from '#common/metrics.ts'
import type { FromLane } from '#worker/lane-protocol.ts'
import { observer } from '#worker/observe.ts'

describe('metrics of table services', () => {
  async function exposed(messages: readonly FromLane[]): Promise<string[]> {
    const metrics = createMetrics()
    const observe = observer(metrics, { namespace: 'shop', name: 'orders' })
    for (const message of messages) observe(0, message)
    const text = await metrics.expose()
    return text.split('\n').filter(line => line.startsWith('sluice_table_service'))
  }

  it('add up what was done, by table and service', async () => {
    const work = { service: 'compaction', rows: 100, bytesBefore: 3000, bytesAfter: 2000, durationMs: 1500 }
    const cleaning = { service: 'cleaning', filesRemoved: 7, durationMs: 250 }
    const lines = await exposed([
      { kind: 'service-work', table: 't', work },
      { kind: 'service-work', table: 't', work },
      { kind: 'service-work', table: 't', work: cleaning },
      { kind: 'service-round', table: 't', atMs: 1_790_000_000_500 },
    ])
    const labels = 'job="shop/orders",table="t"'
    expect(lines).to.include.members([
      `sluice_table_service_runs_total{${labels},service="compaction"} 2`,
      `sluice_table_service_rows_total{${labels},service="compaction"} 200`,
      `sluice_table_service_bytes_before_total{${labels},service="compaction"} 6000`,
      `sluice_table_service_bytes_after_total{${labels},service="compaction"} 4000`,
      `sluice_table_service_seconds_total{${labels},service="compaction"} 3`,
      `sluice_table_service_files_removed_total{${labels},service="cleaning"} 7`,
      `sluice_table_service_last_round_timestamp_seconds{${labels}} 1790000000.5`,
    ])
  })

  it('tell when they first began, whichever session and lane began after that', async () => {
    const begun = (table: string, atMs: number): FromLane => ({ kind: 'service-begun', table, atMs })
    const lines = await exposed([
      begun('t', 1_790_000_000_500),
      begun('t', 1_790_000_100_000),
      begun('u', 2000),
    ])
    expect(lines).to.deep.equal([
      'sluice_table_service_begun_timestamp_seconds{job="shop/orders",table="t"} 1790000000.5',
      'sluice_table_service_begun_timestamp_seconds{job="shop/orders",table="u"} 2',
    ])
  })

  it('count failures by their code', async () => {
    const failed = { kind: 'service-failed', table: 't', code: 'STORAGE_UNAVAILABLE' } as const
    expect(await exposed([failed])).to.deep.equal([
      'sluice_table_service_failures_total{job="shop/orders",table="t",code="STORAGE_UNAVAILABLE"} 1',
    ])
  })
})
