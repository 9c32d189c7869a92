// Workers and a master over HTTP, a limit between them: the code of both but for the connectors, on a clock that runs ten
// times as fast: too dependent on the machine's load for `npm test`. With real sources and processes: shared-limit.test.ts.
import { expect } from 'chai'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plan } from '#api/plan.ts'
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import { MasterBed } from '#test/operator/heartbeat/master-bed.ts'
import { sendHeartbeats } from '#worker/heartbeats.ts'
import { LimitedSource, SourceRates } from '#worker/limited-source.ts'
import { MasterClient } from '#worker/master-client.ts'
import { SourcePace } from '#worker/source-pace.ts'

const speed = 10
const clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * speed,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / speed, signal),
}
const limit = 2_000
const priorities = ['core', 'high', 'normal', 'normal', 'normal', 'normal', 'low', 'low']

describe('one limit over eight workers of jobs with different priorities', () => {
  const bySecond: number[] = []
  const sinceMs = clock.monotonicMs()
  const second = (): number => Math.floor((clock.monotonicMs() - sinceMs) / 1000)
  let master: MasterBed
  let folder: string
  const workers: { read: number; kill: () => void; ended: Promise<unknown> }[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-tokens-'))
    master = await MasterBed.create({ recordsPerSecond: limit }, priorities, clock)
    await master.start(1)
    for (const [index, priority] of priorities.entries()) await startWorker(index, priority)
  })
  after(async () => {
    for (const { kill, ended } of workers) {
      kill()
      await ended
    }
    await master.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function startWorker(index: number, priority: string): Promise<void> {
    const worker = `job-${index}-pod`
    const plan = {
      job: { namespace: 'shop', name: `job-${index}` },
      source: {
        name: 'shop-db',
        limits: {
          recordsPerSecond: limit,
          bytesPerSecond: null,
          queriesInFlight: null,
          connections: null,
          windows: [],
        },
      },
      priority,
      worker: { lanes: 1 },
    } as unknown as Plan
    const tokenFile = join(folder, worker)
    await writeFile(tokenFile, `${worker}\n`)
    const limited = new LimitedSource({ plan, rates: new SourceRates(), clock, leased: true })
    const client = new MasterClient({ url: `http://127.0.0.1:${master.port}`, tokenFile })
    const killed = new AbortController()
    const at = { read: 0, kill: () => killed.abort(), ended: Promise.resolve() as Promise<unknown> }
    const read = async (): Promise<void> => {
      for (const pace = new SourcePace(limited.paceOf(0)!, clock); ;) {
        const portion = await pace.next(killed.signal)
        const { records } = portion
        portion.spent(records, records * 100)
        at.read += records
        bySecond[second()] = (bySecond[second()] ?? 0) + records
      }
    }
    const heartbeats = { worker, plan, limited, assigned: null, client, clock, logger: silentLogger }
    at.ended = Promise.allSettled([
      limited.run(killed.signal),
      sendHeartbeats(heartbeats, killed.signal),
      read(),
    ])
    workers.push(at)
  }

  /** What was read in each of the last ten seconds of so many, and by whom in all of these. */
  async function after10(seconds: number): Promise<{ all: number; each: number[] }> {
    const before = workers.map(({ read }) => read)
    await clock.sleep(seconds * 1000)
    const now = second()
    const last = Array.from({ length: 10 }, (_, ago) => bySecond[now - 1 - ago] ?? 0)
    return {
      all: last.reduce((sum, each) => sum + each, 0),
      each: workers.map(({ read }, index) => read - before[index]!),
    }
  }

  it('is used by all, by the priority of their jobs, and never broken', async () => {
    const beginning = await after10(40)
    expect(Math.min(...beginning.each)).to.be.greaterThan(0)
    const [core, , normal, , , , low] = (await after10(20)).each as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    expect(core).to.be.greaterThan(normal)
    expect(normal).to.be.greaterThan(low)
    workers[0]!.kill()
    const afterwards = await after10(30)
    expect(afterwards.each[0], 'of the one that was killed').to.be.lessThan(core)
    expect(afterwards.each[2], 'what it leaves goes to others').to.be.greaterThan(normal)
    const { port } = master
    await master.stop()
    const alone = await after10(30)
    expect(alone.all, 'without a master').to.be.greaterThan(0)
    await master.start(2, port)
    let again = await after10(40)
    // Its ten seconds are one of this machine, in which a busy one may stand still.
    for (let tries = 0; again.all <= alone.all && tries < 10; tries++) again = await after10(10)
    expect(again.all, 'with a new one').to.be.greaterThan(alone.all)
    const windows = Array.from({ length: bySecond.length - 10 }, (_, from) =>
      bySecond.slice(from, from + 10).reduce((sum, each) => sum + (each ?? 0), 0),
    )
    expect(Math.max(...windows), 'in any ten seconds').to.be.at.most(limit * 10 * 1.05)
  }).timeout(60_000)
})
