import { expect } from 'chai'
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import type { Plan } from '#api/plan.ts'
import { silentLogger } from '#common/logger.ts'
import { TransientError } from '#common/errors.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'
import { AssignedSplits } from '#worker/assigned-splits.ts'
import { sendHeartbeats } from '#worker/heartbeats.ts'
import { LimitedSource, SourceRates } from '#worker/limited-source.ts'

const plan = {
  job: { namespace: 'shop', name: 'orders' },
  source: {
    name: 'shop-db',
    type: 'postgres',
    spec: {},
    limits: {
      recordsPerSecond: 1000,
      bytesPerSecond: null,
      queriesInFlight: null,
      connections: null,
      windows: [],
    },
  },
  priority: 'high',
  worker: { lanes: 2, bufferBytesMax: 1 },
} as unknown as Plan

/** A worker whose master answers as told: null is no answer. */
function worker(answerTo: (heartbeat: Heartbeat) => Partial<HeartbeatAnswer> | null, isShared = false) {
  const clock = new ManualClock()
  const facts = { job: plan.job, worker: 'pod', startedAtMs: 1, plan: '', capacity: 2 }
  const assigned = isShared ? new AssignedSplits(facts, clock) : null
  const limited = new LimitedSource({ plan, rates: new SourceRates(), clock, leased: true })
  const sent: Heartbeat[] = []
  const sentAtMs: number[] = []
  const client = {
    send: async (heartbeat: Heartbeat): Promise<HeartbeatAnswer> => {
      sent.push(heartbeat)
      sentAtMs.push(clock.monotonicMs())
      const answer = answerTo(heartbeat)
      if (answer === null) throw new TransientError('no answer', { code: 'MASTER_UNREACHABLE' })
      const base = {
        term: 1,
        number: heartbeat.number,
        splits: null,
        validMs: 15_000,
        plans: true,
        finished: [],
      }
      return { ...base, leases: [], ...answer }
    },
  }
  const stop = new AbortController()
  const options = { worker: 'pod', plan, limited, assigned, client, clock, logger: silentLogger }
  const running = sendHeartbeats(options, stop.signal)
  const end = async (): Promise<void> => {
    stop.abort()
    await running
  }
  return { clock, limited, assigned: assigned!, sent, sentAtMs, end }
}

const lease = (number: number, rate = 500) => ({ id: 'records', number, rate, forMs: 10_000, floor: 50 })
const rateOf = (limited: LimitedSource): number => limited.use()[0]!.rate

describe('heartbeats of a worker', () => {
  it('ask every two seconds, and use what is granted to its end, then the floor', async () => {
    let isThere = true
    const at = worker(({ number }) => (isThere ? { leases: [lease(number)] } : null))
    await at.clock.advance(4_100)
    expect(at.sent.map(({ number }) => number)).to.deep.equal([1, 2, 3])
    expect(at.sent.map(({ leases }) => leases[0]!.using)).to.deep.equal([0, 1, 2])
    expect(at.sent[0]!.leases).to.deep.equal([{ id: 'records', weight: 4, wanted: Infinity, using: 0 }])
    expect(rateOf(at.limited)).to.equal(500)
    isThere = false
    await at.clock.advance(9_000)
    expect(rateOf(at.limited), 'before the last lease has ended').to.equal(500)
    await at.clock.advance(2_000)
    expect(rateOf(at.limited), 'after it').to.equal(50)
    await at.end()
  })

  it('give a reader nothing before the first lease', async () => {
    const at = worker(() => null)
    await at.clock.advance(60_000)
    expect(rateOf(at.limited)).to.equal(0)
    await at.end()
  })

  it('try soon when nobody answers, then less often, and on time again afterwards', async () => {
    let isThere = false
    const at = worker(() => (isThere ? {} : null))
    await at.clock.advance(60_000)
    const waits = at.sentAtMs.slice(1).map((atMs, index) => atMs - at.sentAtMs[index]!)
    expect(waits[0]).to.be.at.most(500)
    expect(Math.max(...waits)).to.be.at.most(5_000)
    expect(at.sent.length).to.be.within(12, 60)
    isThere = true
    await at.clock.advance(6_000)
    const before = at.sent.length
    await at.clock.advance(20_000)
    expect(at.sent.length - before).to.equal(10)
    await at.end()
  })

  it('take no answer to another request, nor one of a master of the past', async () => {
    const at = worker(({ number }) => {
      if (number === 1) return { term: 5, leases: [lease(1)] }
      if (number === 2) return { number: 1, term: 5, leases: [lease(2, 9_999)] }
      return { term: 4, leases: [lease(3, 9_999)] }
    })
    await at.clock.advance(5_000)
    expect(at.sent.at(-1)!.term).to.equal(5)
    expect(rateOf(at.limited)).to.equal(500)
    await at.end()
  })

  describe('of one that shares its job', () => {
    const split = (id: string) => ({ id, tables: ['t'], bounded: true, stage: 0, weight: 1 })
    const three = ['a', 'b', 'c'].map(split)

    it('tell what it holds, and give it what it is to read', async () => {
      const at = worker(({ number }) => ({ splits: number < 3 ? three : [], plans: true }), true)
      await at.clock.advance(2_100)
      expect(at.assigned.reading).to.deep.equal(three)
      expect(at.sent[1]!.held.map(({ id }) => id)).to.deep.equal(['a', 'b', 'c'])
      await at.clock.advance(2_000)
      expect(at.assigned.draining).to.have.length(3)
      await at.end()
    })

    it('go out at once when there is news, and those of a moment together', async () => {
      const at = worker(() => ({ splits: three, plans: true }), true)
      await at.clock.advance(1_000)
      at.assigned.found(three)
      await at.clock.advance(20)
      at.assigned.reachedEnd('a')
      at.assigned.reachedEnd('b')
      await at.clock.advance(200)
      expect(at.sent).to.have.length(2)
      expect(at.sent[1]).to.deep.include({ planned: three, finished: ['a', 'b'] })
      await at.end()
    })

    it('are not sent more often for news while nobody answers', async () => {
      const at = worker(() => null, true)
      await at.clock.advance(10_000)
      const before = at.sent.length
      for (let news = 0; news < 50; news++) {
        at.assigned.found([split(String(news))])
        await at.clock.advance(10)
      }
      expect(at.sent.length - before).to.be.at.most(1)
      await at.end()
    })

    it('tell the job that nobody answers, until it has once been told what to read', async () => {
      let isThere = false
      const at = worker(() => (isThere ? { splits: [] } : null), true)
      const missed: unknown[] = []
      at.assigned.onMissed = error => missed.push(error)
      await at.clock.advance(2_000)
      expect(missed).to.not.have.length(0)
      expect(missed[0]).to.include({ code: 'MASTER_UNREACHABLE' })
      isThere = true
      await at.clock.advance(6_000)
      missed.length = 0
      isThere = false
      await at.clock.advance(6_000)
      expect(missed).to.have.length(0)
      await at.end()
    })

    it('say a last time that nothing is held, when it has drained', async () => {
      const at = worker(() => ({ splits: three }), true)
      await at.clock.advance(100)
      at.assigned.leave()
      await at.clock.advance(100)
      expect(at.sent.at(-1)).to.deep.include({ leaving: true })
      expect(at.sent.at(-1)!.held).to.have.length(3)
      at.assigned.drainedUnless(() => false)
      await at.end()
      expect(at.sent.at(-1)).to.deep.include({ leaving: true, held: [] })
    })
  })
})
