import { expect } from 'chai'
import {
  enoughForMs,
  patienceAt,
  payBackMs,
  regret,
  rememberNeeded,
  smallerThatPays,
} from '#master/autoscale/pay-back.ts'
import type { NeededLanes } from '#master/autoscale/model.ts'
import { sizesOf } from '#master/autoscale/sizes.ts'
import { learned, limits } from './observations.ts'

const times = { startUpMs: 60_000, handOverMs: 15_000, patience: 1 }
const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** What was needed in each of the last minutes, the latest last. */
const needed = (...lanes: number[]) =>
  lanes.map((each, at) => ({ atMs: at * minuteMs, lanes: each, lastingLanes: each }))

/** So many lanes are enough. */
const upTo = (most: number) => (then: NeededLanes) => then.lanes <= most

describe('payBackMs', () => {
  it('is what the change and the way back cost, over what the smaller size saves', () => {
    expect(payBackMs({ replicas: 8, lanes: 2 }, { replicas: 4, lanes: 2 }, times)).to.equal(
      (16 * 150_000) / 8,
    )
    expect(payBackMs({ replicas: 8, lanes: 2 }, { replicas: 7, lanes: 2 }, times)).to.equal(
      (16 * 150_000) / 2,
    )
  })

  it('is longer where pods start slowly, and where a change was regretted', () => {
    const usual = payBackMs({ replicas: 4, lanes: 2 }, { replicas: 2, lanes: 2 }, times)
    expect(
      payBackMs({ replicas: 4, lanes: 2 }, { replicas: 2, lanes: 2 }, { ...times, startUpMs: 120_000 }),
    ).to.be.above(usual)
    expect(
      payBackMs({ replicas: 4, lanes: 2 }, { replicas: 2, lanes: 2 }, { ...times, patience: 2 }),
    ).to.equal(2 * usual)
  })

  it('is longer than any time that is remembered where nothing is saved', () => {
    expect(payBackMs({ replicas: 2, lanes: 2 }, { replicas: 2, lanes: 2 }, times)).to.equal(Infinity)
  })
})

describe('enoughForMs', () => {
  it('counts back to where more was needed', () => {
    expect(enoughForMs(needed(2, 6, 2, 3, 2), upTo(3), 5 * minuteMs)).to.equal(3 * minuteMs)
    expect(enoughForMs(needed(2, 6, 2, 3, 2), upTo(2), 5 * minuteMs)).to.equal(minuteMs)
    expect(enoughForMs(needed(2, 6), upTo(2), 5 * minuteMs)).to.equal(0)
  })

  it('counts no further than to where nobody looked', () => {
    const gap = [...needed(2, 2), { atMs: 30 * minuteMs, lanes: 2, lastingLanes: 2 }]
    expect(enoughForMs(gap, upTo(2), 31 * minuteMs)).to.equal(minuteMs)
  })
})

describe('rememberNeeded', () => {
  it('keeps the most of each minute for an hour', () => {
    let kept: NeededLanes[] = []
    for (let atMs = 0; atMs < 3 * hourMs; atMs += 15_000)
      kept = rememberNeeded(kept, { atMs, lanes: (atMs / 15_000) % 4, lastingLanes: 1 })
    expect(kept).to.have.length(60)
    expect(kept.every(({ lanes, lastingLanes }) => lanes === 3 && lastingLanes === 1)).to.equal(true)
  })
})

describe('smallerThatPays', () => {
  const sizes = sizesOf({ ...limits, maxReplicas: 16 }, 64)
  const from = { replicas: 8, lanes: 2 }

  it('takes the smallest that was enough for long enough', () => {
    const low = needed(...Array.from({ length: 10 }, () => 4))
    const at = { ...times, nowMs: 10 * minuteMs, needed: low }
    expect(smallerThatPays(sizes, from, at).size).to.deep.equal({ replicas: 2, lanes: 2 })
  })

  it('says how long the next would have to be enough', () => {
    const justNow = smallerThatPays(sizes, from, { ...times, nowMs: minuteMs, needed: needed(16, 4) })
    expect(justNow).to.deep.equal({ size: null, payBackMs: (16 * 150_000) / 12 })
    const never = smallerThatPays(sizes, from, { ...times, nowMs: minuteMs, needed: needed(16, 16) })
    expect(never).to.deep.equal({ size: null, payBackMs: null })
  })
})

describe('smallerThatPays, patient', () => {
  const sizes = sizesOf({ ...limits, maxReplicas: 16 }, 64)

  it('counts what came again and again as it lasted, not as it was feared to become', () => {
    // A minute of every ten it seemed that 16 lanes were needed, and then 8 had been enough.
    const feared = Array.from({ length: 60 }, (_, at) => ({
      atMs: at * minuteMs,
      lanes: at % 10 === 0 ? 16 : 4,
      lastingLanes: at % 10 === 0 ? 8 : 4,
    }))
    const at = { ...times, patience: 16, nowMs: 60 * minuteMs, needed: feared }
    expect(smallerThatPays(sizes, { replicas: 8, lanes: 2 }, at).size).to.deep.equal({
      replicas: 4,
      lanes: 2,
    })
  })
})

describe('regret', () => {
  const shrunk = { ...learned, lastShrunkAtMs: 0 }

  it('makes patient once for each change, and only within the hour', () => {
    const once = regret(shrunk, 10 * minuteMs)
    expect(patienceAt(once, 10 * minuteMs)).to.equal(4)
    expect(regret(once, 11 * minuteMs)).to.equal(once)
    expect(regret(shrunk, 2 * hourMs)).to.equal(shrunk)
  })

  it('is forgotten in a day', () => {
    const once = regret(shrunk, 0)
    expect(patienceAt(once, 6 * hourMs)).to.equal(2.5)
    expect(patienceAt(once, 48 * hourMs)).to.be.closeTo(1, 0.02)
  })

  it('has an end', () => {
    let state = shrunk
    for (let again = 0; again < 9; again++) state = { ...regret(state, again), lastShrunkAtMs: again }
    expect(patienceAt(state, 8)).to.be.at.most(16)
  })
})
