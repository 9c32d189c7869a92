import { expect } from 'chai'
import fc from 'fast-check'
import { WorkQueue } from '#operator/kube/work-queue.ts'
import { ManualClock, settle } from '../manual-clock.ts'

function running(queue: WorkQueue, work: (key: string) => Promise<number | null>): () => Promise<void> {
  const stop = new AbortController()
  const done = queue.run(async key => ({ afterMs: await work(key) }), stop.signal)
  return async () => {
    stop.abort()
    await done
  }
}

describe('WorkQueue', () => {
  it('works on a key once for many additions that wait', async () => {
    const queue = new WorkQueue({ workers: 1, clock: new ManualClock() })
    for (let times = 0; times < 5; times++) queue.add('a')
    const worked: string[] = []
    const stop = running(queue, async key => {
      worked.push(key)
      return null
    })
    await settle()
    await stop()
    expect(worked).to.deep.equal(['a'])
  })

  it('never works on one key twice at a time, and sees every addition afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), waitMs: fc.nat(30) }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        async (additions, workers) => {
          const clock = new ManualClock()
          const queue = new WorkQueue({ workers, clock })
          const active = new Set<string>()
          const twice: string[] = []
          const wanted = new Map<string, number>()
          const seen = new Map<string, number>()
          const stop = running(queue, async key => {
            if (active.has(key)) twice.push(key)
            active.add(key)
            const generation = wanted.get(key) ?? 0
            await clock.sleep(10)
            seen.set(key, generation)
            active.delete(key)
            return null
          })
          for (const [index, { key, waitMs }] of additions.entries()) {
            wanted.set(key, index)
            queue.add(key, index % 3 === 0 ? 'low' : 'high')
            await clock.advance(waitMs)
          }
          await clock.advance(10_000)
          await stop()
          expect(twice, 'worked on twice at a time').to.deep.equal([])
          expect(seen).to.deep.equal(wanted)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('comes back after failures at doubling intervals, and forgets them after a success', async () => {
    const clock = new ManualClock()
    clock.random = () => 0
    const queue = new WorkQueue({ workers: 1, clock, retryMs: { first: 100, max: 1000 } })
    const at: number[] = []
    const startMs = clock.monotonicMs()
    let failures = 6
    const stop = running(queue, async () => {
      at.push(clock.monotonicMs() - startMs)
      if (failures-- > 0) throw new Error('not yet')
      return null
    })
    queue.add('a')
    await clock.advance(10_000)
    expect(at).to.deep.equal([0, 100, 300, 700, 1500, 2500, 3500])
    failures = 1
    queue.add('a')
    await clock.advance(1000)
    await stop()
    expect(at.slice(7)).to.deep.equal([10_000, 10_100])
  })

  it('waits as long as the failure asks for', async () => {
    const clock = new ManualClock()
    const queue = new WorkQueue({
      workers: 1,
      clock,
      retryMs: { first: 100, max: 1000 },
      onFailure: () => 60_000,
    })
    let tries = 0
    const stop = running(queue, async () => {
      if (++tries === 1) throw new Error('429')
      return null
    })
    queue.add('a')
    await clock.advance(59_000)
    expect(tries).to.equal(1)
    await clock.advance(1000)
    await stop()
    expect(tries).to.equal(2)
  })

  it('takes what a person changed before polls, but does not starve them', async () => {
    const queue = new WorkQueue({ workers: 1, clock: new ManualClock() })
    for (let index = 0; index < 20; index++) queue.add(`poll-${index}`, 'low')
    for (let index = 0; index < 20; index++) queue.add(`edit-${index}`, 'high')
    const worked: string[] = []
    const stop = running(queue, async key => {
      worked.push(key)
      return null
    })
    await settle()
    await settle()
    await stop()
    expect(worked).to.have.length(40)
    const firstTwenty = worked.slice(0, 20).filter(key => key.startsWith('poll'))
    expect(firstTwenty).to.have.length(2)
  })

  it('moves a waiting poll up when the key is edited', async () => {
    const queue = new WorkQueue({ workers: 1, clock: new ManualClock() })
    for (const key of ['x', 'y', 'a']) queue.add(key, 'low')
    queue.add('a', 'high')
    const worked: string[] = []
    const stop = running(queue, async key => {
      worked.push(key)
      return null
    })
    await settle()
    await stop()
    expect(worked).to.deep.equal(['a', 'x', 'y'])
  })

  it('keeps the earliest of several delays, and drops them once the key was worked on', async () => {
    const clock = new ManualClock()
    const queue = new WorkQueue({ workers: 1, clock })
    const at: number[] = []
    const startMs = clock.monotonicMs()
    const stop = running(queue, async () => {
      at.push(clock.monotonicMs() - startMs)
      return null
    })
    queue.addAfter('a', 500)
    queue.addAfter('a', 200)
    queue.addAfter('a', 900)
    await clock.advance(5000)
    await stop()
    expect(at).to.deep.equal([200])
  })

  it('stops when told, once the work in hand has ended', async () => {
    const clock = new ManualClock()
    const queue = new WorkQueue({ workers: 2, clock })
    let ended = false
    const stop = running(queue, async () => {
      await clock.sleep(100)
      ended = true
      return null
    })
    queue.add('a')
    await settle()
    const stopping = stop()
    await clock.advance(100)
    await stopping
    expect(ended).to.equal(true)
  })
})
