import { expect } from 'chai'
import type { ConnectionUse } from '#connectors/read-pace.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { LeasedConnections } from '#worker/leased-connections.ts'
import { RateTally, newRateMemory } from '#worker/rate-memory.ts'

const forMs = Number.MAX_SAFE_INTEGER
const lease = (number: number, rate: number) => ({ number, rate, forMs, floor: rate })

describe('LeasedConnections', () => {
  let clock: ManualClock
  let main: LeasedConnections
  let lane: LeasedConnections
  let waited: RateTally
  /** What was entered, in that order, and what gives it back. */
  let entered: { use: ConnectionUse; leave: () => void }[]
  const { signal } = new AbortController()

  beforeEach(() => {
    clock = new ManualClock()
    waited = new RateTally()
    const memory = newRateMemory()
    main = new LeasedConnections(memory, clock, new RateTally())
    lane = new LeasedConnections(memory, clock, waited)
    entered = []
  })

  const enter = (...uses: ConnectionUse[]): void => {
    for (const use of uses)
      void (use === 'reader' ? lane : main).enter(use, signal).then(leave => entered.push({ use, leave }))
  }
  const names = async (): Promise<string[]> => {
    await clock.advance(500)
    return entered.map(({ use }) => use)
  }
  const leave = (use: ConnectionUse): void => {
    const at = entered.findIndex(each => each.use === use)
    entered.splice(at, 1)[0]!.leave()
  }

  it('lets nobody make any before there is a lease, and asks for the least a worker needs', async () => {
    enter('brief', 'reader')
    expect(await names()).to.deep.equal([])
    expect(main.demand).to.deep.equal({ wanted: 3, held: 0, using: 0, least: 3 })
    main.grant(lease(1, 3))
    expect(await names()).to.deep.equal(['brief', 'reader'])
    expect(waited.waitedMs, 'of the reader').to.be.greaterThan(400)
  })

  it('leaves one for what is brief, whatever lasts', async () => {
    main.grant(lease(1, 3))
    enter('snapshot', 'reader', 'reader', 'brief')
    expect(await names()).to.have.members(['snapshot', 'reader', 'brief'])
    expect(main.demand, 'for another reader').to.deep.equal({ wanted: 4, held: 3, using: 1, least: 3 })
    leave('brief')
    enter('brief')
    expect(await names()).to.have.members(['snapshot', 'reader', 'brief'])
    leave('reader')
    expect(await names()).to.have.members(['snapshot', 'reader', 'brief'])
  })

  it('begins no reader while a snapshot is to be opened', async () => {
    main.grant(lease(1, 3))
    enter('reader', 'reader')
    expect(await names()).to.deep.equal(['reader', 'reader'])
    enter('reader', 'snapshot')
    leave('reader')
    expect(await names()).to.deep.equal(['reader', 'snapshot'])
    leave('reader')
    expect(await names()).to.deep.equal(['snapshot', 'reader'])
  })

  it('takes nothing back by a smaller lease, and begins nothing beyond it', async () => {
    main.grant(lease(1, 5))
    enter('reader', 'reader', 'reader', 'reader')
    await names()
    main.grant(lease(2, 3))
    expect(main.demand).to.deep.equal({ wanted: 5, held: 4, using: 2, least: 3 })
    leave('reader')
    enter('brief')
    expect((await names()).length, 'three are open still').to.equal(3)
    leave('reader')
    expect(await names()).to.deep.equal(['reader', 'reader', 'brief'])
  })

  it('begins nothing any more once it is given up, whatever it is given', async () => {
    main.grant(lease(1, 3))
    enter('brief')
    await names()
    main.giveUp()
    main.grant(lease(2, 3))
    enter('brief')
    expect(await names()).to.deep.equal(['brief'])
    expect(main.demand).to.deep.equal({ wanted: 0, held: 1, using: 1, least: 3 })
  })

  it('ends a wait whose signal aborts', async () => {
    const stop = new AbortController()
    const waiting = main.enter('snapshot', stop.signal).then(
      () => 'entered',
      () => 'left',
    )
    stop.abort()
    expect(await waiting).to.equal('left')
    main.grant(lease(1, 3))
    enter('reader')
    expect(await names(), 'no reader waits for a snapshot that is not to be').to.deep.equal(['reader'])
  })
})
