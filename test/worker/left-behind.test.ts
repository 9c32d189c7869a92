import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { orLeftBehind } from '#worker/left-behind.ts'

const forever = new Promise<never>(() => undefined)

describe('orLeftBehind', () => {
  const stop = () => new AbortController()
  const options = (signal: AbortSignal, graceMs = 1) => ({ signal, graceMs, clock: systemClock })

  it('gives what the work gives', async () => {
    expect(await orLeftBehind(Promise.resolve(1), options(stop().signal))).to.equal(1)
  })

  it('fails as the work fails', async () => {
    const failing = Promise.reject(new Error('no'))
    expect(await orLeftBehind(failing, options(stop().signal)).catch(String)).to.equal('Error: no')
  })

  it('leaves work behind that does not end', async () => {
    const stopping = stop()
    const waiting = orLeftBehind(forever, options(stopping.signal))
    stopping.abort()
    expect(await waiting).to.equal(undefined)
  })

  it('lets work end that soon does', async () => {
    const stopping = stop()
    stopping.abort()
    const work = new Promise<string>(resolve => setTimeout(() => resolve('done'), 5))
    expect(await orLeftBehind(work, options(stopping.signal, 5_000))).to.equal('done')
  })
})
