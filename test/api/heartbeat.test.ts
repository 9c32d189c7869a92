import { expect } from 'chai'
import { heartbeatAnswerSchema, heartbeatSchema } from '#api/heartbeat.ts'
import { heartbeat } from './sample-heartbeat.ts'

/** As a worker sent it while splits still had `busy`. */
const recorded =
  '{"job":{"namespace":"shop","name":"shop-to-lake"},"worker":"shop-to-lake-worker-7d9f-x2x4p","startedAtMs":1796059986477,"plan":"shop-to-lake-plan-1a2b","capacity":2,"planned":null,"leases":[],"lanes":[{"lane":0,"ageMs":812.4,"processedPerSecond":420.5,"busyShare":0.31,"blockedShare":0,"settled":true}],"number":2,"term":3,"leaving":false,"held":[{"id":"clicks/0","draining":false,"leased":true,"lagMs":640,"busy":null,"lane":0,"measured":{"ageMs":812.4,"inputPerSecond":420,"processedPerSecond":420.5,"lagRecords":3}}],"finished":[]}'

describe('heartbeats', () => {
  it('keep what is wanted without bound over JSON', () => {
    const read = heartbeatSchema.parse(JSON.parse(JSON.stringify(heartbeat)))
    expect(read).to.deep.equal(heartbeat)
  })

  it('are understood from a worker and by a worker one version apart: more fields are dropped, leases may lack', () => {
    const { leases: _, ...older } = heartbeat
    expect(heartbeatSchema.parse({ ...older, colour: 'red' })).to.deep.equal({ ...older, leases: [] })
    const answer = { term: 3, number: 1, splits: null, validMs: 10_000, plans: false, finished: [] }
    expect(heartbeatAnswerSchema.parse({ ...answer, colour: 'red' })).to.deep.equal({ ...answer, leases: [] })
  })

  it('are understood from a worker that still tells how busy it is with a split, which nobody asks for', () => {
    const { held, lanes } = heartbeatSchema.parse(JSON.parse(recorded))
    const measured = { ageMs: 812.4, inputPerSecond: 420, processedPerSecond: 420.5, lagRecords: 3 }
    expect(held).to.deep.equal([
      { id: 'clicks/0', draining: false, leased: true, lagMs: 640, lane: 0, measured },
    ])
    expect(lanes).to.have.length(1)
  })

  for (const [name, part] of Object.entries({
    'no worker': { worker: '' },
    'number 0': { number: 0 },
    'a split without an id': { held: [{ id: '', draining: false, leased: true, lagMs: null }] },
    'a lease of no weight': { leases: [{ id: 'w', weight: 0, wanted: 1, using: 0 }] },
  }))
    it(`are refused with ${name}`, () => {
      expect(heartbeatSchema.safeParse({ ...heartbeat, ...part }).success).to.equal(false)
    })
})
