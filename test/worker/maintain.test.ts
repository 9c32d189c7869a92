import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { maintainTables } from '#worker/maintain.ts'

describe('table services of a lane', () => {
  it('go from table to table until the signal aborts, whatever one of them fails at', async () => {
    const stop = new AbortController()
    const done: string[] = []
    const failures: string[] = []
    const table = (name: string, fails = false) => ({
      name,
      writer: {
        maintain: () => {
          done.push(name)
          if (done.length === 6) stop.abort()
          return fails ? Promise.reject(new Error(name)) : Promise.resolve(name === 'b')
        },
      },
    })
    const tables = [table('a', true), table('b'), { name: 'none', writer: {} }]
    const onFailure = (name: string): void => void failures.push(name)
    await maintainTables({ tables, intervalMs: 1, clock: systemClock, onFailure }, stop.signal)
    expect(done).to.deep.equal(['a', 'b', 'a', 'b', 'a', 'b'])
    expect(failures).to.deep.equal(['a', 'a', 'a'])
  })

  it('say what they begin with before the first round, which may hang', async () => {
    const stop = new AbortController()
    const begun: string[] = []
    const maintain = (signal: AbortSignal): Promise<boolean> =>
      new Promise((_, reject) => {
        expect(begun).to.deep.equal(['a', 'b'])
        signal.addEventListener('abort', () => reject(signal.reason))
        stop.abort()
      })
    const tables = [
      { name: 'a', writer: { maintain } },
      { name: 'none', writer: {} },
      { name: 'b', writer: { maintain } },
    ]
    const onFailure = (name: string): void => expect.fail(name)
    const onBegin = (name: string): void => void begun.push(name)
    await maintainTables({ tables, intervalMs: 1, clock: systemClock, onFailure, onBegin }, stop.signal)
    expect(begun).to.deep.equal(['a', 'b'])
  })

  it('end at once for writers that need none', async () => {
    const tables = [{ name: 'a', writer: {} }]
    const onFailure = (): void => undefined
    await maintainTables(
      { tables, intervalMs: 1e9, clock: systemClock, onFailure },
      new AbortController().signal,
    )
  })

  it('stop in the middle of a table without calling that a failure', async () => {
    const stop = new AbortController()
    const failures: string[] = []
    const maintain = async (signal: AbortSignal): Promise<boolean> => {
      stop.abort()
      await Promise.resolve()
      signal.throwIfAborted()
      return true
    }
    const onFailure = (name: string): void => void failures.push(name)
    const tables = [{ name: 'a', writer: { maintain } }]
    await maintainTables({ tables, intervalMs: 1, clock: systemClock, onFailure }, stop.signal)
    expect(failures).to.deep.equal([])
  })
})
