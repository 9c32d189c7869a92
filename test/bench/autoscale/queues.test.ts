import { expect } from 'chai'
import { Arrivals } from '#bench/autoscale/arrivals.ts'
import { Queues } from '#bench/autoscale/queues.ts'
import { seeded } from '#bench/lake/key-draws.ts'

const half = (): number => 0.5

describe('Queues', () => {
  it('knows how old the oldest record is that waits', () => {
    // Random numbers that are all one half are no noise at all.
    const queues = new Queues(new Arrivals({ input: () => 20 }, { splits: 2, stepS: 5 }, half))
    expect([...queues.arrive()], 'in five seconds').to.deep.equal([50, 50])
    expect(queues.worstLagS()).to.equal(5)
    queues.take(0, 50)
    queues.take(1, 20)
    expect([queues.lagS(0), queues.lagS(1)]).to.deep.equal([0, 5])
    queues.arrive()
    queues.take(0, 0)
    queues.take(1, 29)
    expect([queues.lagS(0), queues.lagS(1)]).to.deep.equal([5, 10])
    queues.take(1, 2)
    expect(queues.lagS(1), 'of the second step 49 are left').to.equal(5)
    expect([...queues.backlog]).to.deep.equal([50, 49])
  })

  it('gets the same day from the same seed', () => {
    const day = (seed: number) =>
      new Arrivals({ input: () => 1000 }, { splits: 4, stepS: 5 }, seeded(seed)).at(77)
    expect(day(1)).to.deep.equal(day(1))
    expect(day(1)).not.to.deep.equal(day(2))
  })
})
