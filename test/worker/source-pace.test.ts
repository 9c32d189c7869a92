import { expect } from 'chai'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { LeasedRate } from '#worker/leased-rate.ts'
import { RateTally, newRateMemory } from '#worker/rate-memory.ts'
import type { PaceData } from '#worker/source-pace.ts'
import { SourcePace } from '#worker/source-pace.ts'

const { signal } = new AbortController()

/** A rate with a lease that does not end. */
function rateOf(clock: ManualClock, perSecond: number): NonNullable<PaceData['rates']['records']> {
  const memory = newRateMemory()
  const lease = { number: 1, rate: perSecond, forMs: Infinity, floor: perSecond }
  new LeasedRate(memory, clock).grant(lease, clock.monotonicMs())
  return { memory, tally: new RateTally().memory }
}

interface Reader {
  records: number
  bytes: number
}

/** Reads what it is given, or as much more as the server sends at least, records of so many bytes. */
function read(pace: SourcePace, until: AbortSignal, recordBytes: number, least = 0): Reader {
  const all: Reader = { records: 0, bytes: 0 }
  const readOn = async (): Promise<void> => {
    while (!until.aborted) {
      const portion = await pace.next(until)
      const records = Math.max(least, Math.min(portion.records, Math.ceil(portion.bytes / recordBytes)))
      portion.spent(records, records * recordBytes)
      all.records += records
      all.bytes += records * recordBytes
    }
  }
  readOn().catch(() => undefined)
  return all
}

async function readFor(
  seconds: number,
  clock: ManualClock,
  start: (until: AbortSignal) => Reader[],
): Promise<Reader[]> {
  const stop = new AbortController()
  const readers = start(stop.signal)
  await clock.advance(seconds * 1000)
  stop.abort()
  return readers
}

describe('SourcePace', () => {
  it('keeps to the records, and lets a server send what it has in one piece', async () => {
    for (const least of [0, 900]) {
      const clock = new ManualClock()
      const pace = new SourcePace({ rates: { records: rateOf(clock, 5_000) }, weight: 2 }, clock)
      const [all] = await readFor(10, clock, until => [read(pace, until, 100, least)])
      expect(all!.records, `at least ${least} at once`).to.be.within(47_500, 52_500)
    }
  })

  it('keeps to the bytes, whatever the records are like', async () => {
    for (const recordBytes of [20, 3_000]) {
      const clock = new ManualClock()
      const pace = new SourcePace({ rates: { bytes: rateOf(clock, 1_000_000) }, weight: 1 }, clock)
      const [all] = await readFor(10, clock, until => [read(pace, until, recordBytes)])
      expect(all!.bytes, `records of ${recordBytes}`).to.be.within(9_500_000, 10_500_000)
    }
  })

  it('of two limits keeps to the one that is reached first', async () => {
    const clock = new ManualClock()
    const rates = { records: rateOf(clock, 5_000), bytes: rateOf(clock, 1_000_000) }
    const [all] = await readFor(10, clock, until => [
      read(new SourcePace({ rates, weight: 1 }, clock), until, 400),
    ])
    expect(all!.bytes).to.be.within(9_500_000, 10_500_000)
  })

  it('divides a rate among lanes by weight, and leaves what one does not want to the others', async () => {
    const clock = new ManualClock()
    const { memory } = rateOf(clock, 6_000)
    const paceOf = (weight: number): SourcePace =>
      new SourcePace({ rates: { records: { memory, tally: new RateTally().memory } }, weight }, clock)
    const [small, large] = await readFor(10, clock, until => [
      read(paceOf(1), until, 100),
      read(paceOf(4), until, 100),
    ])
    expect(small!.records).to.be.within(11_000, 13_000)
    expect(large!.records).to.be.within(46_000, 50_000)
    const [alone] = await readFor(10, clock, until => [read(paceOf(1), until, 100)])
    expect(alone!.records).to.be.within(57_000, 63_000)
  })

  it('counts what a lane used and how long it waited', async () => {
    const clock = new ManualClock()
    const records = rateOf(clock, 1_000)
    const pace = new SourcePace({ rates: { records }, weight: 1 }, clock)
    const [all] = await readFor(10, clock, until => [read(pace, until, 100)])
    const tally = new RateTally(records.tally)
    expect(tally.used).to.equal(all!.records)
    expect(tally.waitedMs).to.be.within(9_000, 10_000)
  })

  it('gives back what an ended wait had been promised', async () => {
    const clock = new ManualClock()
    const rates = { records: rateOf(clock, 1_000), bytes: rateOf(clock, 1_000) }
    const pace = new SourcePace({ rates, weight: 1 }, clock)
    for (let time = 0; time < 50; time++) {
      const stop = new AbortController()
      const portion = pace.next(stop.signal).catch(() => null)
      stop.abort()
      expect(await portion).to.equal(null)
    }
    const next = pace.next(signal)
    await clock.advance(100)
    expect((await next).records).to.be.greaterThan(0)
  })
})
