import { expect } from 'chai'
import { capacityOf, dependableCapacity, learnCapacity } from '#master/autoscale/capacity.ts'
import type { LaneMeasurement } from '#master/autoscale/model.ts'

const lane = (measured: Partial<LaneMeasurement>): LaneMeasurement => ({
  id: 'a',
  measuredAtMs: 1_000_000,
  processedPerSecond: 800,
  busyShare: 0.8,
  blockedShare: 0,
  settled: true,
  ...measured,
})
const known = { perSecond: 1000, spread: 0, atMs: 970_000 }

describe('learnCapacity', () => {
  it('takes rows per busy second, over all lanes', () => {
    const lanes = [lane({}), lane({ processedPerSecond: 300, busyShare: 0.6 })]
    expect(learnCapacity(null, lanes)!.perSecond).to.be.closeTo(1100 / 1.4, 1e-9)
  })

  it('believes an idle lane only while nothing is known', () => {
    const idle = [lane({ processedPerSecond: 20, busyShare: 0.1 })]
    expect(learnCapacity(null, idle)!.perSecond).to.be.closeTo(200, 1e-9)
    expect(learnCapacity(known, idle)).to.equal(known)
  })

  it('learns nothing from a lane that starts or hands over, nor from the same measurement again', () => {
    expect(learnCapacity(known, [lane({ processedPerSecond: 100, settled: false })])).to.equal(known)
    expect(learnCapacity(known, [lane({ processedPerSecond: 100, measuredAtMs: known.atMs })])).to.equal(
      known,
    )
    expect(learnCapacity(null, [lane({ processedPerSecond: 0, busyShare: 0 })])).to.equal(null)
  })

  it('follows larger records in minutes, and faster while a lane is saturated', () => {
    let calm = known
    let saturated = known
    for (let atMs = 985_000; atMs <= 1_150_000; atMs += 15_000) {
      calm = learnCapacity(calm, [lane({ processedPerSecond: 400, busyShare: 0.8, measuredAtMs: atMs })])!
      saturated = learnCapacity(saturated, [
        lane({ processedPerSecond: 500, busyShare: 1, measuredAtMs: atMs }),
      ])!
    }
    expect(saturated.perSecond).to.be.within(500, 510)
    expect(calm.perSecond).to.be.within(saturated.perSecond, 650)
  })

  it('learns little of a lane that reads few records, since most of what it does is not their cost', () => {
    const few = (processedPerSecond: number, busyShare: number) =>
      learnCapacity(known, [lane({ processedPerSecond, busyShare })])!.perSecond
    expect(few(250, 1)).to.equal(1000)
    expect(few(100, 0.6)).to.equal(1000)
    expect(few(350, 1)).to.be.within(700, 950)
    expect(few(500, 1), 'records twice as large').to.be.below(800)
  })

  it('learns of the lanes that read enough, whatever reads few beside them', () => {
    const few = lane({ id: 'b', processedPerSecond: 100, busyShare: 0.9 })
    expect(learnCapacity(known, [lane({}), few])!.perSecond).to.be.closeTo(1000, 1e-9)
  })

  it('learns of a lane that reads few as well, when it is late', () => {
    const slow = lane({ processedPerSecond: 100, busyShare: 1 })
    expect(learnCapacity(known, [slow], new Set(['b']))!.perSecond).to.equal(1000)
    expect(learnCapacity(known, [slow], new Set(['a']))!.perSecond).to.be.below(600)
  })

  it('believes one measurement no more because there was none for long', () => {
    const after = (atMs: number) => learnCapacity(known, [lane({ measuredAtMs: atMs })])!.perSecond
    expect(after(known.atMs + 3_600_000)).to.equal(after(known.atMs + 30_000))
  })

  it('counts on less where lanes differ', () => {
    const even = learnCapacity(null, [lane({}), lane({})])!
    const uneven = learnCapacity(null, [lane({}), lane({ processedPerSecond: 480 })])!
    expect(dependableCapacity(even)).to.be.closeTo(1000, 1e-9)
    expect(dependableCapacity(uneven)).to.be.closeTo(600, 1e-9)
  })
})

describe('capacityOf', () => {
  it('believes a busy lane about itself, as far as it reads enough to tell, and else what was learned', () => {
    expect(capacityOf(lane({ processedPerSecond: 500, busyShare: 1 }), 1000)).to.equal(500)
    expect(capacityOf(lane({ processedPerSecond: 375, busyShare: 0.75 }), 1000)).to.equal(750)
    expect(capacityOf(lane({ processedPerSecond: 200, busyShare: 1 }), 1000)).to.equal(1000)
    expect(capacityOf(lane({ processedPerSecond: 10, busyShare: 0.1 }), 1000)).to.equal(1000)
    expect(capacityOf(lane({ processedPerSecond: 400, settled: false }), 1000)).to.equal(1000)
    expect(capacityOf(undefined, 1000)).to.equal(1000)
  })
})
