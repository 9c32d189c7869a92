import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import type { HeartbeatAnswer } from '#api/heartbeat.ts'
import { heartbeatAnswerSchema } from '#api/heartbeat.ts'
import type { Plan } from '#api/plan.ts'
import { systemClock } from '#common/clock.ts'
import { LeasedTurns } from '#worker/leased-turns.ts'
import { LimitedSource, SourceRates } from '#worker/limited-source.ts'
import { RateTally } from '#worker/rate-memory.ts'
import { MasterBed } from './master-bed.ts'

const limit = 2
const lanes = 2
/** Time of the master goes so much faster, as do the heartbeats. */
const speed = 50

/** Queries under way at a moment, over all workers. */
class Queries {
  underWay = 0
  most = 0
  /** Of each worker, how many it began. */
  readonly begun = [0, 0, 0]
}

/** A worker whose lanes always have a query to send, and that asks the master many times a second. */
async function work(
  index: number,
  port: () => number | null,
  queries: Queries,
  stop: AbortSignal,
): Promise<void> {
  const name = `job-${index}`
  const limits = {
    recordsPerSecond: null,
    bytesPerSecond: null,
    queriesInFlight: limit,
    connections: null,
    windows: [],
  }
  const plan = {
    job: { namespace: 'shop', name },
    source: { name: 'shop-db', limits },
    priority: 'normal',
    worker: { lanes },
  } as unknown as Plan
  const limited = new LimitedSource({ plan, rates: new SourceRates(), clock: systemClock, leased: true })
  const lane = async (at: number): Promise<void> => {
    const { memory, tally } = limited.paceOf(at)!.turns!
    const turns = new LeasedTurns(memory, systemClock, new RateTally(tally))
    while (!stop.aborted) {
      const leave = await turns.enter(stop)
      queries.begun[index]!++
      queries.most = Math.max(queries.most, ++queries.underWay)
      await delay(30)
      queries.underWay--
      leave()
    }
  }
  const running = Array.from({ length: lanes }, (_, at) => lane(at).catch(() => undefined))
  for (let number = 1; !stop.aborted; number++) {
    const answer = await ask(port(), `${name}-pod`, { number, limited, job: plan.job })
    if (answer !== null) limited.grant(answer.leases, 0)
    await delay(20)
  }
  await Promise.all(running)
}

async function ask(
  port: number | null,
  pod: string,
  { number, limited, job }: { number: number; limited: LimitedSource; job: Plan['job'] },
): Promise<HeartbeatAnswer | null> {
  const facts = {
    job,
    worker: pod,
    startedAtMs: 1,
    number,
    term: 0,
    plan: '',
    capacity: lanes,
    leaving: false,
  }
  const body = { ...facts, held: [], finished: [], planned: null, leases: limited.requests() }
  const answered = await fetch(`http://127.0.0.1:${port}/heartbeat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${pod}` },
    body: JSON.stringify(body),
  }).catch(() => null)
  return answered?.ok ? heartbeatAnswerSchema.parse(await answered.json()) : null
}

describe('queries of several workers, and the master', () => {
  it('are never more than the limit, in turns, and go on while the master is away and another comes', async function () {
    this.timeout(30_000)
    const fast = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * speed }
    const bed = await MasterBed.create({ queriesInFlight: limit }, ['normal', 'normal', 'normal'], fast)
    await bed.start(1)
    let port: number | null = bed.port
    const stop = new AbortController()
    const queries = new Queries()
    const workers = [0, 1, 2].map(index => work(index, () => port, queries, stop.signal))
    const until = async (what: string, isSo: () => boolean): Promise<void> => {
      for (let tries = 0; !isSo(); tries++) {
        if (tries > 1000) throw new Error(`it never came true: ${what}`)
        await delay(10)
      }
    }
    try {
      await until('each has its turn', () => queries.begun.every(count => count > 3))
      port = null
      await bed.stop()
      const away = queries.begun.reduce((sum, count) => sum + count, 0)
      await until('they go on alone', () => queries.begun.reduce((sum, count) => sum + count, 0) > away + 10)
      await bed.start(2)
      port = bed.port
      const before = [...queries.begun]
      await until('each again', () => queries.begun.every((count, index) => count > before[index]! + 3))
      expect(queries.most).to.equal(limit)
    } finally {
      stop.abort()
      await Promise.all(workers)
      await bed.close()
    }
  })
})
