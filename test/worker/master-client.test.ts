import { expect } from 'chai'
import { z } from 'zod'
import { heartbeatSchema } from '#api/heartbeat.ts'
import { heartbeat } from '#test/api/sample-heartbeat.ts'
import { heartbeatBody } from '#worker/master-client.ts'

/** What an operator of before asks of each split, besides what is asked now. */
const before = z.object({ held: z.array(z.object({ busy: z.number().min(0).max(1).nullable() })) })

describe('the body of a heartbeat', () => {
  it('is taken by an operator of now and by one of before', () => {
    const body: unknown = JSON.parse(heartbeatBody(heartbeat))
    expect(heartbeatSchema.parse(body)).to.deep.equal(heartbeat)
    expect(before.safeParse(body).success).to.equal(true)
  })
})
