import { expect } from 'chai'
import { ConfigError, TransientError } from '#common/errors.ts'
import { nextDelayMs, retry } from '#common/retry.ts'
import { fixedClock } from '#test/lake/journal/table-fixture.ts'

const policy = { firstMs: 100, maxMs: 1_000, tries: 5 }
const transient = new TransientError('away', { code: 'STORAGE_UNAVAILABLE' })

/** Work that fails so often, each time after `takesMs`; tells how often it was tried. */
function failing(times: number, clock: ReturnType<typeof fixedClock>, takesMs = 0, error: Error = transient) {
  let tries = 0
  const work = (): Promise<number> => {
    tries++
    clock.nowAtMs += takesMs
    return tries <= times ? Promise.reject(error) : Promise.resolve(tries)
  }
  return { work, tries: () => tries }
}

describe('retry', () => {
  const { signal } = new AbortController()

  it('goes on after transient failures', async () => {
    const clock = fixedClock()
    expect(await retry(failing(4, clock).work, policy, { clock, signal })).to.equal(5)
  })

  it('gives up after its tries, with the last failure', async () => {
    const clock = fixedClock()
    const { work, tries } = failing(99, clock)
    expect(await retry(work, policy, { clock, signal }).catch((error: unknown) => error)).to.equal(transient)
    expect(tries()).to.equal(5)
  })

  it('gives up when its time is over, however few the tries', async () => {
    const clock = fixedClock()
    const { work, tries } = failing(99, clock, 20_000)
    const given = { ...policy, budgetMs: 30_000 }
    expect(await retry(work, given, { clock, signal }).catch((error: unknown) => error)).to.equal(transient)
    expect(tries()).to.equal(2)
  })

  it('does not try again what no time can cure', async () => {
    const clock = fixedClock()
    const { work, tries } = failing(1, clock, 0, new ConfigError('no', { code: 'STORAGE_DENIED' }))
    await retry(work, policy, { clock, signal }).catch(() => undefined)
    expect(tries()).to.equal(1)
  })

  it('ends its pause when the signal aborts', async () => {
    const clock = fixedClock()
    const stop = new AbortController()
    const { work, tries } = failing(99, clock)
    const context = { clock, signal: stop.signal, onRetry: () => stop.abort() }
    expect(await retry(work, policy, context).catch((error: Error) => error.name)).to.equal('AbortError')
    expect(tries()).to.equal(1)
  })

  it('pauses between the first delay and three times the one before, within the maximum', () => {
    expect(nextDelayMs(policy, 0, 0.9)).to.equal(100)
    expect(nextDelayMs(policy, 100, 1)).to.equal(300)
    expect(nextDelayMs(policy, 900, 1)).to.equal(1_000)
    expect(nextDelayMs(policy, 900, 0)).to.equal(100)
  })
})
