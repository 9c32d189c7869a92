import { expect } from 'chai'
import type { ListeningServer } from '#common/listen.ts'
import { createMetrics } from '#common/metrics.ts'
import { startHttpServer } from '#worker/http-server.ts'
import { JobStatus } from '#worker/job-status.ts'
import { observer } from '#worker/observe.ts'

const job = { namespace: 'shop', name: 'job' }

describe('worker HTTP server', () => {
  const status = new JobStatus(job)
  const metrics = createMetrics()
  let server: ListeningServer
  before(async () => {
    server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      plan: { job, source: { name: 'shop-db', type: 'postgres', spec: {} } },
      status,
      metrics,
      limited: {
        use: () => [{ unit: 'records', rate: 5000, used: 1200, waitedMs: 2500 }],
        throttledBy: 'records',
      },
      nowMs: () => 5000,
    })
  })
  after(() => server.close())
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
    return { status: response.status, body: await response.text() }
  }

  it('is alive from the start, ready once it reads, and says why not when it fails', async () => {
    expect((await get('/healthz')).status).to.equal(200)
    expect(await get('/readyz')).to.deep.equal({ status: 503, body: 'starting\n' })
    status.enter('streaming', [{ id: 'log', tables: ['a'] }])
    expect((await get('/readyz')).status).to.equal(200)
    status.failed({
      code: 'TABLE_NOT_FOUND',
      message: 'no table x',
      context: {},
      disposition: 'wait-for-person',
    })
    expect(await get('/readyz')).to.deep.equal({ status: 503, body: 'TABLE_NOT_FOUND: no table x\n' })
    expect((await get('/healthz')).status, 'a person must act; a restart would not help').to.equal(200)
    status.recovered()
  })

  it('exposes lag as of the moment it is asked, and what the lanes report', async () => {
    status.fold({ kind: 'read', split: 'log', newestAtMs: 2000, caughtUp: false }, 2100)
    observer(metrics, job)(0, {
      kind: 'committed',
      table: 'a',
      rows: 7,
      bytes: 70,
      commit: 'c',
      newestAtMs: 2000,
      freshnessMs: 400,
      durationMs: 20,
    })
    const { body } = await get('/metrics')
    expect(body).to.include('sluice_split_lag_seconds{job="shop/job",split="log"} 3')
    expect(body).to.include('sluice_rows_total{job="shop/job",table="a"} 7')
    expect(body).to.include('sluice_freshness_seconds_bucket{le="0.5",job="shop/job",table="a"} 1')
  })

  it('tells what was read of a limited source and how long that took longer for it', async () => {
    for (let time = 0; time < 2; time++) {
      const { body } = await get('/metrics')
      const labels = '{job="shop/job",source="shop-db",unit="records"}'
      expect(body).to.include(`sluice_source_rate${labels} 5000`)
      expect(body).to.include(`sluice_source_read_total${labels} 1200`)
      expect(body).to.include(`sluice_source_throttled_seconds_total${labels} 2.5`)
    }
    expect(JSON.parse((await get('/status')).body)).to.include({ throttledBy: 'records' })
  })

  it('knows no other path', async () => {
    expect((await get('/plan')).status).to.equal(404)
  })
})
