import { expect } from 'chai'
import type { HeartbeatAnswer } from '#api/heartbeat.ts'
import { quietHeartbeat } from '../../api/sample-heartbeat.ts'
import { MasterBed } from './master-bed.ts'

const heartbeat = {
  ...quietHeartbeat('job-0', 'job-0-pod'),
  number: 7,
  leases: [{ id: 'records', weight: 1, wanted: null, using: 0 }],
}

describe('the master', () => {
  let bed: MasterBed
  before(async () => {
    bed = await MasterBed.create({ recordsPerSecond: 100 }, ['normal', 'core'])
    await bed.start(3)
  })
  after(() => bed.close())

  async function send(
    body: unknown,
    { token = 'job-0-pod', path = '/heartbeat', method = 'POST' }: Record<string, string | null> = {},
  ): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`http://127.0.0.1:${bed.port}${path}`, {
      method: method!,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
    })
    return { status: response.status, body: await response.json() }
  }

  it('answers the worker of a job with its term and the number of the request', async () => {
    const { status, body } = await send(heartbeat)
    expect(status).to.equal(200)
    expect(body).to.deep.include({ term: 3, number: 7, splits: null })
    expect((body as HeartbeatAnswer).leases, 'leases of the master before may last').to.deep.equal([])
  })

  const refused: { name: string; body?: unknown; options?: Parameters<typeof send>[1]; status: number }[] = [
    { name: 'without a token', options: { token: null }, status: 401 },
    { name: 'with the token of nobody it knows', options: { token: 'stranger' }, status: 401 },
    {
      name: 'for another job',
      body: { ...heartbeat, job: { namespace: 'shop', name: 'job-1' } },
      status: 403,
    },
    {
      name: 'for a job of the same name in another namespace',
      body: { ...heartbeat, job: { namespace: 'crm', name: 'job-0' } },
      status: 403,
    },
    { name: 'for another pod', body: { ...heartbeat, worker: 'job-1-pod' }, status: 403 },
    { name: 'that is none', body: { hello: 'world' }, status: 400 },
    { name: 'that is no JSON', body: '{', status: 400 },
    { name: 'that is too large', body: 'x'.repeat(5 * 1024 * 1024), status: 413 },
    { name: 'at another path', options: { path: '/metrics' }, status: 404 },
    { name: 'by another method', options: { method: 'GET' }, status: 404 },
  ]
  for (const { name, body = heartbeat, options, status } of refused)
    it(`refuses a heartbeat ${name}`, async () => {
      expect((await send(body, options)).status).to.equal(status)
    })

  it('refuses the token of a pod that was replaced by one of the same name', () => {
    const identity = { ...bed.identityOf('job-0-pod')!, podUid: 'of-the-one-before' }
    expect(bed.operator.answer(identity, { ...heartbeat, leases: [] })).to.be.a('string')
  })

  it('has no answer before it leads, and none after', async () => {
    const identity = bed.identityOf('job-0-pod')!
    const { operator } = bed
    await bed.stop()
    expect(operator.answer(identity, { ...heartbeat, leases: [] })).to.equal(null)
    await bed.start(4)
    expect(operator.answer(identity, { ...heartbeat, leases: [] })).to.equal(null)
    expect((await send(heartbeat)).body).to.deep.include({ term: 4 })
  })
})
