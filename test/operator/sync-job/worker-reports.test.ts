import { createServer } from 'node:http'
import { expect } from 'chai'
import { workerHttpPort } from '#api/worker-status.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { Pod } from '#operator/resources.ts'
import { WorkerReports, askOverHttp } from '#operator/sync-job/worker-reports.ts'
import { ManualClock } from '../manual-clock.ts'

const status: WorkerStatus = {
  job: { namespace: 'shop', name: 'j' },
  phase: 'streaming',
  tables: [],
  lagMs: 0,
  rowsTotal: 1,
  error: null,
  updatedAt: '2026-01-01T00:00:00Z',
}

const pod = (uid: string, state: object = { running: {} }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: uid, uid },
  spec: { containers: [] },
  status: { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [{ restartCount: 0, state }] },
})

describe('WorkerReports', () => {
  let clock: ManualClock
  let answer: () => Promise<WorkerStatus>
  let reports: WorkerReports

  beforeEach(() => {
    clock = new ManualClock()
    answer = async () => status
    reports = new WorkerReports(() => answer(), clock)
  })

  const kinds = async (pods: Pod[]): Promise<string[]> => (await reports.of(pods)).map(({ kind }) => kind)

  it('keeps the last answer of a worker that misses some, then says that it does not answer', async () => {
    expect(await kinds([pod('a')])).to.deep.equal(['status'])
    answer = async () => Promise.reject(new Error('connect ECONNREFUSED'))
    expect(await kinds([pod('a')])).to.deep.equal(['status'])
    await clock.advance(29_000)
    expect(await kinds([pod('a')])).to.deep.equal(['status'])
    await clock.advance(1000)
    const [report] = await reports.of([pod('a')])
    expect(report?.kind === 'unreachable' && report.message).to.match(
      /worker a .* 9464: connect ECONNREFUSED/,
    )
    answer = async () => status
    expect(await kinds([pod('a')])).to.deep.equal(['status'])
  })

  it('gives a worker that only just started time to answer at all', async () => {
    answer = async () => Promise.reject(new Error('not listening yet'))
    expect(await kinds([pod('a')])).to.deep.equal([])
  })

  it('does not ask containers that do not run: Kubernetes knows why', async () => {
    answer = async () => Promise.reject(new Error('asked'))
    await kinds([pod('a', { waiting: { reason: 'CrashLoopBackOff' } })])
    await clock.advance(60_000)
    expect(await kinds([pod('a', { waiting: { reason: 'CrashLoopBackOff' } })])).to.deep.equal([])
  })
})

describe('askOverHttp', () => {
  const serve = async (body: string, code: number, ask: () => Promise<void>): Promise<void> => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/status' ? code : 404)
      response.end(body)
    })
    await new Promise<void>(resolve => server.listen(workerHttpPort, '127.0.0.77', resolve))
    try {
      await ask()
    } finally {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }

  const refusal = async (): Promise<string> =>
    askOverHttp('127.0.0.77').then(
      () => 'answered',
      (error: unknown) => String(error),
    )

  it('reads the status, leaving out what a newer worker says besides', async () => {
    await serve(JSON.stringify({ ...status, news: 1 }), 200, async () => {
      expect(await askOverHttp('127.0.0.77')).to.deep.equal(status)
    })
  })

  it('does not take another answer for a status', async () => {
    const refusalOf = async (body: string, code: number): Promise<string> => {
      let told = ''
      await serve(body, code, async () => {
        told = await refusal()
      })
      return told
    }
    expect(await refusalOf('{"phase":"dancing"}', 200)).to.contain('phase')
    expect(await refusalOf('busy', 503)).to.contain('503')
    expect(await refusalOf('x'.repeat(5 * 1024 * 1024), 200)).to.contain('exceeds')
    expect(await refusal()).to.contain('ECONNREFUSED')
  })
})
