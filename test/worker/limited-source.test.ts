import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { LimitedSource, SourceRates } from '#worker/limited-source.ts'
import { LeasedTurns } from '#worker/leased-turns.ts'
import { RateTally } from '#worker/rate-memory.ts'
import { SourcePace } from '#worker/source-pace.ts'

const plan = {
  job: { namespace: 'shop', name: 'orders' },
  source: {
    name: 'shop-db',
    limits: {
      recordsPerSecond: 1000,
      bytesPerSecond: null,
      queriesInFlight: null,
      connections: null,
      windows: [],
    },
  },
  priority: 'normal',
  worker: { lanes: 1 },
} as unknown as Plan

/** What holds a reader back after a minute that takes portions, of so much each, from a server that answers after so long. */
async function throttledBy(answerMs: number, share: number): Promise<LimitedSource['throttledBy']> {
  const clock = new ManualClock()
  const limited = new LimitedSource({ plan, rates: new SourceRates(), clock, leased: false })
  const stop = new AbortController()
  const running = limited.run(stop.signal)
  const pace = new SourcePace(limited.paceOf(0)!, clock)
  const read = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const portion = await pace.next(stop.signal)
      await clock.sleep(answerMs, stop.signal)
      portion.spent(portion.records * share, portion.records * share * 100)
    }
  }
  const reading = read().catch(() => undefined)
  await clock.advance(60_000)
  const by = limited.throttledBy
  stop.abort()
  await Promise.all([running, reading])
  return by
}

describe('LimitedSource', () => {
  it('knows that its limit holds the readers back, whether they wait for it or for a server far away', async () => {
    expect(await throttledBy(1, 1), 'near').to.equal('records')
    expect(await throttledBy(50, 1), 'far').to.equal('records')
  })

  it('lets lanes begin queries without a master, and says that they wait for their turn', async () => {
    const clock = new ManualClock()
    const limits = {
      recordsPerSecond: null,
      bytesPerSecond: null,
      queriesInFlight: 1,
      connections: null,
      windows: [],
    }
    const two = { ...plan, source: { ...plan.source, limits }, worker: { ...plan.worker, lanes: 2 } }
    const limited = new LimitedSource({ plan: two, rates: new SourceRates(), clock, leased: false })
    const stop = new AbortController()
    const running = limited.run(stop.signal)
    const lanes = [0, 1].map(lane => {
      const { rates, turns } = limited.paceOf(lane)!
      expect(rates, 'no rate is limited').to.deep.equal({})
      return new LeasedTurns(turns!.memory, clock, new RateTally(turns!.tally))
    })
    const begun: (() => void)[] = []
    for (const lane of lanes)
      void lane.enter(stop.signal).then(
        leave => begun.push(leave),
        () => undefined,
      )
    await clock.advance(60_000)
    expect([begun.length, limited.throttledBy]).to.deep.equal([1, 'queries'])
    expect(limited.requests()).to.deep.equal([{ id: 'queries', weight: 2, wanted: 2, held: 1, using: 1 }])
    expect(limited.use()[0]).to.include({ unit: 'queries', rate: 1, used: 1 })
    begun[0]!()
    await clock.advance(60_000)
    expect([begun.length, limited.throttledBy]).to.deep.equal([2, null])
    stop.abort()
    await running
  })

  it('divides connections among the jobs of a process without a master: the least for each, or none', async () => {
    const clock = new ManualClock()
    const rates = new SourceRates()
    const [rate, queries] = [{ recordsPerSecond: null, bytesPerSecond: null }, { queriesInFlight: null }]
    const limits = { ...rate, ...queries, connections: 7, windows: [] }
    const jobs = ['a', 'b', 'c'].map(name => {
      const job = { namespace: 'shop', name }
      const one = { ...plan, job, source: { ...plan.source, limits }, worker: { ...plan.worker, lanes: 4 } }
      return new LimitedSource({ plan: one, rates, clock, leased: false })
    })
    const stop = new AbortController()
    const running = jobs.map(job => job.run(stop.signal))
    await clock.advance(3_000)
    expect(jobs.map(({ isAdmitted }) => isAdmitted)).to.deep.equal([true, true, false])
    expect(jobs[2]!.holders).to.deep.equal([
      { job: 'a', count: 3 },
      { job: 'b', count: 3 },
      { job: 'c', count: 0 },
    ])
    expect(jobs[2]!.requests()[0]).to.include({ id: 'connections', wanted: 3, held: 0, least: 3 })
    jobs[0]!.leave()
    await clock.advance(2_000)
    expect(jobs.map(({ isAdmitted }) => isAdmitted)).to.deep.equal([false, true, true])
    stop.abort()
    await Promise.all(running)
  })

  it('is not held back by a limit that it does not reach', async () => {
    expect(await throttledBy(400, 0.5)).to.equal(null)
  })
})
