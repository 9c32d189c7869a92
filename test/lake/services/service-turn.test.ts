import { expect } from 'chai'
import { ServiceTurn } from '#lake/services/service-turn.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { HookedStore } from './hooked-store.ts'

const second = 1000

/** Everything that was begun is done. */
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('the turn to look after a table', () => {
  const store = (): { clock: ReturnType<typeof fixedClock>; store: MemoryStore } => ({
    clock: fixedClock(),
    store: new MemoryStore(),
  })

  it('is over two minutes after the one who had it died', async () => {
    const { clock, store: shared } = store()
    expect(await new ServiceTurn(shared, clock).take()).to.equal(true)
    clock.nowAtMs += 60 * second
    expect(await new ServiceTurn(shared, clock).take()).to.equal(false)
    clock.nowAtMs += 60 * second
    expect(await new ServiceTurn(shared, clock).take()).to.equal(true)
  })

  it('stays with the one who has it as long as that is at it', async () => {
    const { clock, store: shared } = store()
    const [one, other] = [new ServiceTurn(shared, clock), new ServiceTurn(shared, clock)]
    await one.take()
    for (let at = 0; at < 100; at++) {
      clock.nowAtMs += 7 * second
      one.keep()
      await settled()
      expect(await other.take(), `after ${at * 7} s`).to.equal(false)
    }
  })

  it('costs few requests, however often its owner says that it is at it', async () => {
    const { clock, store: shared } = store()
    const hooked = new HookedStore(shared)
    const turn = new ServiceTurn(hooked, clock)
    await turn.take()
    hooked.requests = 0
    for (let at = 0; at < 6000; at++) {
      clock.nowAtMs += 10
      turn.keep()
      if (at % 50 === 0) await settled()
    }
    expect(hooked.requests).to.be.within(2, 8)
  })

  it('is not taken back by one that slept and wakes', async () => {
    const { clock, store: shared } = store()
    const [slept, other, third] = [0, 1, 2].map(() => new ServiceTurn(shared, clock)) as [
      ServiceTurn,
      ServiceTurn,
      ServiceTurn,
    ]
    await slept.take()
    clock.nowAtMs += 600 * second
    expect(await other.take()).to.equal(true)
    slept.keep()
    await slept.end(0)
    expect(await third.take(), 'the other is at it').to.equal(false)
    await other.end(5 * second)
    expect(await third.take(), 'the table rests').to.equal(false)
    clock.nowAtMs += 5 * second
    expect(await third.take()).to.equal(true)
  })

  it('is free when what is stored of it makes no sense', async () => {
    const { clock, store: shared } = store()
    await shared.put('.hoodie/.sluice/services', Buffer.from('{"owner'))
    expect(await new ServiceTurn(shared, clock).take()).to.equal(true)
  })
})
