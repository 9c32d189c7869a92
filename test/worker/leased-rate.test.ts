import { expect } from 'chai'
import { RateLeases } from '#master/limits/rate-leases.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { LeasedRate } from '#worker/leased-rate.ts'
import { newRateMemory } from '#worker/rate-memory.ts'

const { signal } = new AbortController()
const lease = { number: 1, rate: 1000, forMs: 60_000, floor: 100 }

/** A reader that uses up portions worth so many milliseconds, at least, for as long as it may; what it used by second. */
function reading(rate: LeasedRate, clock: ManualClock, leastMs: number, until: AbortSignal): number[] {
  const bySecond: number[] = []
  const read = async (): Promise<void> => {
    while (!until.aborted) {
      const used = await rate.next(leastMs, until)
      rate.spent(used, used)
      const second = Math.floor((clock.monotonicMs() - 1_000_000) / 1000)
      bySecond[second] = (bySecond[second] ?? 0) + used
    }
  }
  read().catch(() => undefined)
  return bySecond
}

/** What is used by second in so many seconds. */
async function takenIn(
  seconds: number,
  rate: LeasedRate,
  clock: ManualClock,
  leastMs: number,
): Promise<number[]> {
  const stop = new AbortController()
  const taken = reading(rate, clock, leastMs, stop.signal)
  await clock.advance(seconds * 1000)
  stop.abort()
  return taken
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + (each ?? 0), 0)

describe('LeasedRate', () => {
  it('lets nothing through before there is a lease', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    let taken = false
    void rate.next(10, signal).then(() => (taken = true))
    await clock.advance(5_000)
    expect(taken).to.equal(false)
    rate.grant(lease, clock.monotonicMs())
    await clock.advance(500)
    expect(taken).to.equal(true)
  })

  it('keeps its rate within 5 % over any ten seconds, then its floor when the lease has ended', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    rate.grant(lease, clock.monotonicMs())
    const taken = await takenIn(90, rate, clock, 20)
    for (let from = 0; from + 10 <= 60; from++)
      expect(sum(taken.slice(from, from + 10)), `from second ${from}`).to.be.within(9_500, 10_500)
    expect(sum(taken.slice(65, 85))).to.be.within(1_900, 2_100)
  })

  it('lets a portion that is larger than a second through, and what follows pays for it', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    rate.grant(lease, clock.monotonicMs())
    const taken = await takenIn(50, rate, clock, 5_000)
    expect(sum(taken)).to.be.within(45_000, 55_000)
  })

  it('takes from what comes what a portion turned out larger, and leaves to others what was not used of it', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    rate.grant(lease, clock.monotonicMs())
    const until = (ms: number) => clock.advance(ms)
    const [given] = await Promise.all([rate.next(100, signal), until(500)])
    rate.spent(given, given + 2_000)
    let next: number | null = null
    void rate.next(100, signal).then(part => (next = part))
    await until(1_500)
    expect(next, 'while it is paid for').to.equal(null)
    await until(1_000)
    expect(next).to.be.a('number')
    rate.spent(next!, 0)
    const [unused] = await Promise.all([rate.next(100, signal), until(50)])
    expect(unused, 'at once').to.be.at.least(100)
  })

  it('leaves out an answer that a newer one overtook', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    rate.grant({ ...lease, number: 2, rate: 10 }, clock.monotonicMs())
    rate.grant({ ...lease, number: 1, rate: 1e6 }, clock.monotonicMs())
    expect(rate.using).to.equal(2)
    const taken = await takenIn(10, rate, clock, 1)
    expect(sum(taken)).to.be.within(90, 110)
  })

  it('ends a wait whose signal aborts, and the next in line goes on', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    const stop = new AbortController()
    const first = rate.next(1, stop.signal).then(
      () => 'taken',
      () => 'aborted',
    )
    const second = rate.next(1, signal).then(() => 'taken')
    stop.abort()
    expect(await first).to.equal('aborted')
    rate.grant(lease, clock.monotonicMs())
    await clock.advance(500)
    expect(await second).to.equal('taken')
  })

  it('ends a wait in line as soon as its signal aborts, and nobody passes the one before it', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    const stop = new AbortController()
    const order: string[] = []
    void rate.next(100, signal).then(() => order.push('first'))
    const second = rate.next(100, stop.signal).catch(() => order.push('second left'))
    void rate.next(100, signal).then(() => order.push('third'))
    stop.abort()
    await second
    rate.grant(lease, clock.monotonicMs())
    await clock.advance(1_000)
    expect(order).to.deep.equal(['second left', 'first', 'third'])
  })

  it('leaves out an answer that came after its lease had ended', async () => {
    const clock = new ManualClock()
    const rate = new LeasedRate(newRateMemory(), clock)
    const askedAtMs = clock.monotonicMs()
    await clock.advance(lease.forMs)
    rate.grant(lease, askedAtMs)
    expect(rate.using).to.equal(0)
  })

  for (const workers of [1, 8, 64])
    it(`holds a limit of the master within 5 % over ${workers} workers`, async () => {
      const clock = new ManualClock()
      const leases = new RateLeases({ limit: 6_400, leaseMs: 10_000, graceMs: 2_000, floorShare: 0.5 }, null)
      const stop = new AbortController()
      const taken = Array.from({ length: workers }, (_, index) => {
        const rate = new LeasedRate(newRateMemory(), clock)
        const ask = async (): Promise<void> => {
          while (!stop.signal.aborted) {
            const askedAtMs = clock.monotonicMs()
            const request = { id: String(index), weight: 1, wanted: Infinity, using: rate.using }
            const granted = leases.request(request, askedAtMs)
            if (granted !== null) rate.grant(granted, askedAtMs)
            await clock.sleep(1_000, stop.signal)
          }
        }
        void ask()
        return reading(rate, clock, 200, stop.signal)
      })
      await clock.advance(30_000)
      stop.abort()
      for (let from = 15; from + 10 <= 30; from += 5) {
        const all = sum(taken.map(seconds => sum(seconds.slice(from, from + 10))))
        expect(all, `from second ${from}`).to.be.within(0.95 * 64_000, 1.05 * 64_000)
      }
    }).timeout(30_000)
})
