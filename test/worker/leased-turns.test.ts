import { expect } from 'chai'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { LeasedTurns } from '#worker/leased-turns.ts'
import { RateTally, newRateMemory } from '#worker/rate-memory.ts'

const { signal } = new AbortController()
const lease = (number: number, rate: number) => ({
  number,
  rate,
  forMs: Number.MAX_SAFE_INTEGER,
  floor: rate,
})

describe('LeasedTurns', () => {
  let clock: ManualClock
  let memory: ReturnType<typeof newRateMemory>
  let main: LeasedTurns
  let lanes: LeasedTurns[]
  /** What ends the turns that have begun, in the order in which they did. */
  let begun: (() => void)[]

  beforeEach(() => {
    clock = new ManualClock()
    memory = newRateMemory()
    main = new LeasedTurns(memory, clock, new RateTally())
    lanes = Array.from({ length: 3 }, () => new LeasedTurns(memory, clock, new RateTally()))
    begun = []
  })

  const enterAll = (): void => {
    for (const lane of lanes) void lane.enter(signal).then(leave => begun.push(leave))
  }

  it('lets nobody begin before there is a lease, and then as many as it says', async () => {
    enterAll()
    await clock.advance(5_000)
    expect([begun.length, main.demand]).to.deep.equal([0, { wanted: 3, held: 0, using: 0 }])
    main.grant(lease(1, 2))
    await clock.advance(500)
    expect([begun.length, main.demand]).to.deep.equal([2, { wanted: 3, held: 2, using: 1 }])
    begun[0]!()
    begun[0]!()
    await clock.advance(500)
    expect(begun, 'one that ends twice is one').to.have.length(3)
  })

  it('takes nothing back by a smaller lease, and tells what it still has', async () => {
    main.grant(lease(1, 3))
    enterAll()
    await clock.advance(500)
    main.grant(lease(2, 1))
    expect(main.demand).to.deep.equal({ wanted: 3, held: 3, using: 2 })
    void lanes[0]!.enter(signal).then(leave => begun.push(leave))
    for (const leave of begun.slice(0, 2)) leave()
    await clock.advance(500)
    expect([begun.length, main.demand.held]).to.deep.equal([3, 1])
    begun[2]!()
    await clock.advance(500)
    expect(begun).to.have.length(4)
  })

  it('leaves out an answer that a newer one overtook', () => {
    main.grant(lease(2, 1))
    main.grant(lease(1, 9))
    expect([main.count, main.demand.using]).to.deep.equal([1, 2])
  })

  it('ends a turn once, however often that is said', async () => {
    main.grant(lease(1, 2))
    enterAll()
    await clock.advance(500)
    begun[0]!()
    begun[0]!()
    await clock.advance(500)
    expect([begun.length, main.demand.wanted]).to.deep.equal([3, 2])
  })

  it('begins nothing any more once it is given up, whatever it is given', async () => {
    main.grant(lease(1, 1))
    main.giveUp()
    main.grant(lease(2, 5))
    enterAll()
    await clock.advance(500)
    expect([main.count, begun]).to.deep.equal([0, []])
  })

  it('ends a wait whose signal aborts', async () => {
    const stop = new AbortController()
    const waiting = lanes[0]!.enter(stop.signal).then(
      () => 'begun',
      () => 'left',
    )
    stop.abort()
    expect(await waiting).to.equal('left')
    expect(main.demand.wanted).to.equal(0)
  })
})
