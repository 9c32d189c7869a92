import { expect } from 'chai'
import type { ProbeResult } from '#api/probe.ts'
import { ConfigError } from '#common/errors.ts'
import type { Look } from '#worker/probe.ts'
import { lookInTurn } from '#worker/probe.ts'
import { ManualClock } from '../operator/manual-clock.ts'

describe('lookInTurn', () => {
  let clock: ManualClock
  let heard: (readonly ProbeResult[])[]
  let running: number

  beforeEach(() => {
    clock = new ManualClock()
    heard = []
    running = 0
  })

  /** Takes so long, and ends so. */
  const taking =
    (ms: number, end: () => string | null = () => null): Look =>
    async signal => {
      running++
      await clock.sleep(ms, signal)
      running--
      return end()
    }
  const fails = (error: Error) => (): never => {
    throw error
  }

  /** Lets a minute and a half go by. */
  async function run(
    looks: readonly Look[],
    signal = new AbortController().signal,
  ): Promise<readonly ProbeResult[]> {
    const limits = { beginWithinMs: 50_000, beginWithinMsOnceFound: 5_000, endWithinMs: 95_000 }
    const onResults = (results: readonly ProbeResult[]): void => void heard.push([...results])
    const results = lookInTurn(looks, { ...limits, clock, onResults }, signal)
    await clock.advance(96_000)
    return results
  }

  it('tells of each what it saw, one after the other, also after one that fails', async () => {
    const away = new ConfigError('It has no key.', { code: 'SECRET_MISSING' })
    const looks = [
      taking(1000),
      taking(1000, fails(away)),
      taking(1000, fails(new Error('odd'))),
      taking(1000),
    ]
    const most = looks.map((look): Look => async signal => {
      expect(running).to.equal(0)
      return look(signal)
    })
    expect(await run([...most, taking(1000, () => '3 records wait.')])).to.deep.equal([
      'nothing',
      { failed: 'SECRET_MISSING: It has no key.' },
      { failed: 'odd' },
      'nothing',
      { unread: '3 records wait.' },
    ])
  })

  it('lets a job for which there is something wait for a few others only', async () => {
    const results = await run([taking(1000, () => 'one'), taking(4000), taking(4000), taking(4000)])
    expect(results).to.deep.equal([{ unread: 'one' }, 'nothing', 'nothing', 'later'])
  })

  it('begins none when there may be too little time for it', async () => {
    const results = await run([taking(30_000), taking(30_000), taking(1)])
    expect(results).to.deep.equal(['nothing', 'nothing', 'later'])
  })

  it('gives up one that does not end, and says of the others that they were not looked at', async () => {
    const stuck: Look = () => new Promise(() => undefined)
    const results = await run([taking(1000), stuck, taking(1)])
    expect(results).to.deep.equal(['nothing', { failed: 'It took too long to look at the source.' }, 'later'])
  })

  it('has said before each look what is so if the process ends with it', async () => {
    await run([taking(1000), taking(1000)])
    const ended = { failed: 'Its look ended the probe.' }
    expect(heard).to.deep.equal([
      [ended, 'later'],
      ['nothing', ended],
      ['nothing', 'nothing'],
    ])
  })

  it('begins no other when it is told to stop', async () => {
    const stop = new AbortController()
    const results = run([taking(1000), taking(1000)], stop.signal)
    stop.abort()
    expect((await results)[1]).to.equal('later')
  })
})
