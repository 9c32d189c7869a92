import { expect } from 'chai'
import { z } from 'zod'
import { heartbeatSchema } from '#api/heartbeat.ts'
import { heartbeatBody } from '#worker/master-client.ts'

/** What an operator of before asks of each split, besides what is asked now. */
const before = z.object({ held: z.array(z.object({ busy: z.number().min(0).max(1).nullable() })) })

describe('the body of a heartbeat', () => {
  const heartbeat = heartbeatSchema.parse({
    job: { namespace: 'shop', name: 'shop-to-lake' },
    worker: 'shop-to-lake-worker-7d9f-x2x4p',
    startedAtMs: 1_790_000_000_000,
    number: 1,
    term: 0,
    plan: 'shop-to-lake-plan-1a2b',
    capacity: 2,
    leaving: false,
    held: [{ id: 'clicks/0', draining: false, leased: true, lagMs: 12 }],
    finished: [],
    planned: null,
  })

  it('is taken by an operator of now and by one of before', () => {
    const body: unknown = JSON.parse(heartbeatBody(heartbeat))
    expect(heartbeatSchema.parse(body)).to.deep.equal(heartbeat)
    expect(before.safeParse(body).success).to.equal(true)
  })
})
