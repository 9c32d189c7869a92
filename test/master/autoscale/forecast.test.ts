import { expect } from 'chai'
import { forecastOf, inputAt, remember } from '#master/autoscale/forecast.ts'
import type { InputSample } from '#master/autoscale/forecast.ts'

function samples(rate: (second: number) => number, count = 20): InputSample[] {
  return Array.from({ length: count }, (_, at) => ({ atMs: at * 15_000, perSecond: rate(at * 15) }))
}

describe('forecastOf', () => {
  it('goes on with a trend', () => {
    const forecast = forecastOf(samples(second => 1000 + 10 * second))
    expect(forecast.slope).to.be.closeTo(10, 1e-6)
    // The mean of the last three samples, and from there on.
    expect(inputAt(forecast, 100_000)).to.be.closeTo(1000 + 10 * 270 + 1000, 1e-6)
  })

  it('sees no trend in noise', () => {
    const noisy = samples(second => 1000 + 100 * Math.sin(second * 7.3))
    expect(forecastOf(noisy).slope).to.equal(0)
  })

  it('sees no trend in few samples', () => {
    expect(forecastOf(samples(second => 1000 + 10 * second, 5)).slope).to.equal(0)
  })

  it('does not take a step for a trend, wherever between two samples it comes', () => {
    for (let stepAt = 135; stepAt < 150; stepAt++)
      for (let count = 6; count <= 20; count++) {
        // As it is measured: a mean of half a minute.
        const measured = (second: number): number =>
          1000 + 8000 * Math.min(1, Math.max(0, (second - stepAt) / 30))
        const forecast = forecastOf(samples(measured, count))
        expect(inputAt(forecast, 100_000), `step at ${stepAt}, ${count} samples`).to.be.at.most(9000)
      }
  })

  it('goes on from the last sample where a rise is steep, with the least of its last minute', () => {
    const steps = [0, 0, 0, 0, 0, 0, 900, 1050, 1500, 2250]
    const rising = steps.map((_, at) => {
      return { atMs: at * 15_000, perSecond: 1000 + steps.slice(0, at + 1).reduce((sum, step) => sum + step) }
    })
    const { levelPerSecond, slope } = forecastOf(rising)
    expect([levelPerSecond, slope]).to.deep.equal([6700, 60])
    // Fifteen seconds earlier it had not been seen for a minute.
    expect(forecastOf(rising.slice(0, -1)).slope).to.equal(0)
  })

  it('carries a rise no further ahead than it has been seen', () => {
    const forecast = forecastOf(samples(second => 1000 + 40 * Math.max(0, second - 210)))
    expect(forecast.slope).to.be.closeTo(40, 1e-6)
    expect(forecast.lastingSlope).to.be.within(4, 12)
    const [minute, later] = [inputAt(forecast, 60_000), inputAt(forecast, 300_000)]
    expect(minute - forecast.levelPerSecond).to.be.closeTo(40 * 60, 1e-6)
    expect(later - minute).to.be.closeTo(forecast.lastingSlope * 240, 1e-6)
  })

  it('sees at once that the input has fallen, where it is more than noise', () => {
    const last = (perSecond: number): number =>
      forecastOf(samples(second => (second < 285 ? 20_000 : perSecond))).levelPerSecond
    expect(last(5000)).to.equal(5000)
    expect(last(18_000)).to.be.closeTo((20_000 + 20_000 + 18_000) / 3, 1e-6)
  })

  it('does not believe that the input will fall', () => {
    const forecast = forecastOf(samples(second => 9000 - 10 * second))
    expect(inputAt(forecast, 600_000)).to.equal(forecast.levelPerSecond)
  })
})

describe('remember', () => {
  it('keeps five minutes, and one sample of each moment', () => {
    let kept: InputSample[] = []
    for (let at = 0; at < 100; at++)
      for (let again = 0; again < 2; again++) kept = remember(kept, { atMs: at * 15_000, perSecond: at })
    expect(kept).to.have.length(20)
    expect(kept.at(-1)).to.deep.equal({ atMs: 99 * 15_000, perSecond: 99 })
  })
})
