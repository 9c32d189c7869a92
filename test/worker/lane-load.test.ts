import { expect } from 'chai'
import type { Clock } from '#common/clock.ts'
import { LaneLoad, loadIntervalMs } from '#worker/lane-load.ts'
import type { FromLane } from '#worker/lane-protocol.ts'

interface Lane {
  nowMs: number
  activeMs: number
  pressed: boolean
}

/** One report of a lane to which this happens at each look, twice a second. */
async function reported(
  happens: (lane: Lane, load: LaneLoad, looks: number) => void,
): Promise<Extract<FromLane, { kind: 'load' }>> {
  const lane: Lane = { nowMs: 1000, activeMs: 0, pressed: false }
  const stop = new AbortController()
  let looks = 0
  const clock = {
    monotonicMs: () => lane.nowMs,
    sleep: (ms: number) => {
      lane.nowMs += ms
      happens(lane, load, looks++)
      return Promise.resolve()
    },
  } as Clock
  const reports: FromLane[] = []
  const load = new LaneLoad({
    clock,
    activeMs: () => lane.activeMs,
    isPressed: () => lane.pressed,
    report: message => {
      reports.push(message)
      stop.abort()
    },
  })
  await load.watch(stop.signal)
  return reports[0] as Extract<FromLane, { kind: 'load' }>
}

describe('lane load', () => {
  it('is what the thread worked, while the lane has all that its source has', async () => {
    const report = await reported((lane, load) => {
      lane.activeMs += 150
      load.read('s', true)
      load.committed(new Map([['s', 10]]))
    })
    expect(report).to.deep.include({ sinceMs: 1000, overMs: loadIntervalMs, rows: 300, blockedShare: 0 })
    expect(report.busyShare).to.be.closeTo(0.3, 1e-9)
  })

  it('is all there is while a split is behind, though the thread waits for its source', async () => {
    const report = await reported((lane, load) => {
      lane.activeMs += 150
      load.read('s', false)
    })
    expect(report.busyShare).to.be.greaterThan(0.85)
    expect(report.blockedShare).to.equal(0)
  })

  it('does not take a chunk that is followed by more for being behind', async () => {
    const report = await reported((_, load, looks) => load.read('s', looks % 3 === 0))
    expect(report.busyShare).to.equal(0)
  })

  it('is blocked when readers wait for room and the thread has nothing to do', async () => {
    const report = await reported((lane, load) => {
      lane.activeMs += 100
      lane.pressed = true
      load.read('s', false)
    })
    expect(report.blockedShare).to.be.closeTo(0.8, 1e-9)
    expect(report.busyShare).to.be.closeTo(0.2, 1e-9)
  })

  it('is not blocked when readers wait for a thread that encodes', async () => {
    const report = await reported((lane, load) => {
      lane.activeMs += 500
      lane.pressed = true
      load.read('s', false)
    })
    expect(report).to.deep.include({ busyShare: 1, blockedShare: 0 })
  })

  it('forgets a bounded split that is at its end', async () => {
    const report = await reported((_, load, looks) => {
      if (looks === 0) load.read('s', false)
      else load.ended('s')
    })
    expect(report.busyShare).to.equal(0)
  })
})
