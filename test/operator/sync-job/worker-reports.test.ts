import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { Pod } from '#operator/resources.ts'
import { WorkerReports, askOverHttp } from '#operator/sync-job/worker-reports.ts'
import { freePort } from '#scripts/free-port.ts'
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
  /** What is made of the answer of a worker. */
  const answerTo = async (body: string, code: number): Promise<WorkerStatus> => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/status' ? code : 404)
      response.end(body)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    try {
      return await askOverHttp('127.0.0.1', (server.address() as AddressInfo).port)
    } finally {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }

  const refusal = (asking: Promise<WorkerStatus>): Promise<string> =>
    asking.then(
      () => 'answered',
      (error: unknown) => String(error),
    )

  it('reads the status, leaving out what a newer worker says besides', async () => {
    expect(await answerTo(JSON.stringify({ ...status, news: 1 }), 200)).to.deep.equal(status)
  })

  it('does not take another answer for a status', async () => {
    expect(await refusal(answerTo('{"phase":"dancing"}', 200))).to.contain('phase')
    expect(await refusal(answerTo('busy', 503))).to.contain('503')
    expect(await refusal(answerTo('x'.repeat(5 * 1024 * 1024), 200))).to.contain('exceeds')
    expect(await refusal(askOverHttp('127.0.0.1', await freePort()))).to.contain('ECONNREFUSED')
  })
})
