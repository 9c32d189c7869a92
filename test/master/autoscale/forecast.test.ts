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

  it('does not take a step for a trend once it is made', () => {
    const step = (second: number): number => 1000 + 300 * Math.min(45, Math.max(0, second - 135))
    expect(forecastOf(samples(step, 13)).slope, 'on its way').to.be.above(0)
    expect(forecastOf(samples(step, 14)).slope, 'with one sample more that is no higher').to.equal(0)
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
