import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { Pace } from '#lake/services/pace.ts'
import { UrgentWork } from '#lake/services/urgent-work.ts'

const signal = new AbortController().signal

describe('what table services give way to', () => {
  it('is over before they go on', async () => {
    const urgent = new UrgentWork()
    const order: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const commit = urgent.do(async () => {
      await promise
      order.push('commit')
    })
    // A clock on which no time passes: nothing but the end of the commit ends the wait.
    const clock = {
      sleep: (_: number, stop?: AbortSignal) =>
        new Promise<void>(wake => stop!.addEventListener('abort', () => wake())),
    }
    const service = urgent.giveWay(clock, signal).then(() => order.push('service'))
    resolve()
    await Promise.all([commit, service])
    expect(order).to.deep.equal(['commit', 'service'])
    expect(urgent.isRunning).to.equal(false)
    await urgent.giveWay(clock, signal)
  })

  it('does not keep them waiting for ever', async () => {
    const urgent = new UrgentWork()
    const waits: number[] = []
    const clock = { sleep: (ms: number) => Promise.resolve(void waits.push(ms)) }
    const { promise, resolve } = Promise.withResolvers<void>()
    const endless = urgent.do(() => promise)
    for (let piece = 0; piece < 3; piece++) await urgent.giveWay(clock, signal)
    expect(waits).to.deep.equal([75, 75, 75])
    resolve()
    await endless
  })

  it('is over for them when it fails', async () => {
    const urgent = new UrgentWork()
    const failed = await urgent
      .do(() => Promise.reject(new Error('no')))
      .catch((error: Error) => error.message)
    expect(failed).to.equal('no')
    expect(urgent.isRunning).to.equal(false)
  })

  it('stops waiting with the signal', async () => {
    const urgent = new UrgentWork()
    const { promise, resolve } = Promise.withResolvers<void>()
    const endless = urgent.do(() => promise)
    let nowMs = 0
    const clock = { ...systemClock, monotonicMs: () => (nowMs += 100) }
    const stop = new AbortController()
    const paused = new Pace(clock, stop.signal, undefined, urgent).pause().catch((error: Error) => error.name)
    stop.abort()
    expect(await paused).to.equal('AbortError')
    resolve()
    await endless
  })
})
