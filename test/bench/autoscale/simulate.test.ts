import { expect } from 'chai'
import { verdict } from '#bench/autoscale/compare.ts'
import { flinkTuned, policies } from '#bench/autoscale/policies.ts'
import { paretoPlot } from '#bench/autoscale/plot.ts'
import { largest } from '#bench/autoscale/policy.ts'
import { drawDay, simulate } from '#bench/autoscale/simulate.ts'
import { sluice } from '#bench/autoscale/sluice-policy.ts'
import { traces } from '#bench/autoscale/traces.ts'

const trace = (name: string) => traces.find(each => each.name === name)!

describe('simulate', function () {
  this.timeout(60_000)

  it('gives the same outcome for the same seed', () => {
    const run = () => simulate(drawDay(trace('steps ×4'), 7), sluice.make())
    expect(run()).to.deep.equal(run())
  })

  it('is late only as long as the target is capped, with all replicas there may be', () => {
    const { violationMinutes, replicaHours, rescales } = simulate(
      drawDay(trace('target capped for 3 h'), 7),
      largest.make(),
    )
    expect(violationMinutes).to.be.within(30, 240)
    expect(replicaHours).to.be.within(383, 384)
    expect(rescales).to.equal(1)
  })

  it('has lanes work though little comes, and one of them more than the others', () => {
    let [least, most, apart] = [1, 0, 0]
    simulate(
      drawDay(trace('surges ×8, fixed work'), 7),
      { decide: ({ running }) => running },
      ({ measurements: { lanes } }) => {
        if (!lanes.every(({ settled }) => settled)) return
        const busy = lanes.map(({ busyShare }) => busyShare)
        least = Math.min(least, ...busy)
        most = Math.max(most, ...lanes.map(({ processedPerSecond }) => processedPerSecond))
        apart = Math.max(apart, Math.max(...busy) - Math.min(...busy))
      },
    )
    expect(most, 'records/s of a lane').to.be.below(500)
    expect(least).to.be.above(0.48)
    expect(apart).to.be.above(0.3)
  })

  it('buys no lanes for the work that they have anyway', () => {
    const { replicaHours } = simulate(drawDay(trace('surges ×8, fixed work'), 7), sluice.make())
    expect(replicaHours).to.be.below(50)
  })

  it('shows nobody anything while there are no metrics, and everybody how old what they see is', () => {
    let oldestMs = 0
    simulate(drawDay(trace('no metrics for 45 min'), 7), {
      decide: ({ nowMs, measurements, running }) => {
        oldestMs = Math.max(oldestMs, nowMs - measurements.splits[0]!.measuredAtMs)
        return running
      },
    })
    expect(oldestMs / 60_000).to.be.within(44, 46)
  })
})

describe('traces', () => {
  it('are at least twelve, each with its own name', () => {
    expect(new Set(traces.map(({ name }) => name)).size).to.equal(traces.length)
    expect(traces.length).to.be.at.least(12)
  })
})

describe('verdict', () => {
  const result = (violationMinutes: number, replicaHours: number) => ({
    trace: 'steady',
    outcomes: {
      [sluice.name]: { violationMinutes, replicaHours, rescales: 1 },
      [flinkTuned.name]: { violationMinutes: 50, replicaHours: 100, rescales: 1 },
    },
  })

  it('names every trace and axis on which Sluice is more than a tenth worse', () => {
    expect(verdict([result(54, 109)])).to.match(/^On no trace/)
    expect(verdict([result(56, 90)])).to.match(/: steady \(minutes late\)\.$/)
    expect(verdict([result(10, 111)])).to.match(/: steady \(replica-hours\)\.$/)
  })
})

describe('paretoPlot', () => {
  it('has a mark for each policy', () => {
    const svg = paretoPlot(
      policies.map(({ name }, at) => ({ name, violationMinutes: at, replicaHours: 100, rescales: 1 })),
    )
    expect(svg.match(/<circle/g)).to.have.length(policies.length)
  })
})
