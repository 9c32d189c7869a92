import { expect } from 'chai'
import { withinConnections } from '#master/autoscale/connection-room.ts'
import { limits } from './observations.ts'

describe('withinConnections', () => {
  const cases = [
    {
      name: 'three for each worker, of what checks and teardowns leave',
      connections: 12,
      others: 0,
      most: 3,
    },
    { name: 'no part of a least set', connections: 14, others: 0, most: 3 },
    { name: 'what the workers of other jobs leave', connections: 18, others: 3, most: 2 },
    { name: 'one that waits, where others have all', connections: 12, others: 3, most: 1 },
    { name: 'all that run, though others came', connections: 18, others: 4, running: 3, most: 3 },
    { name: 'not all that run, where they never had room', connections: 12, others: 1, running: 5, most: 3 },
  ]
  for (const { name, most, ...use } of cases)
    it(`allows ${name}`, () => {
      expect(withinConnections(limits, { running: 1, ...use })).to.deep.equal({
        ...limits,
        maxReplicas: most,
        maximumBy: 'connections',
      })
    })

  it('leaves the limits of the spec as they are where there is room for as many', () => {
    expect(withinConnections(limits, { connections: 27, others: 0, running: 1 })).to.equal(limits)
  })
})
